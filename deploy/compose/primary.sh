#!/bin/bash
# Runs once, in an empty primary: the role that hubs log in with, the role and slot of the standby, and who may connect.
set -euo pipefail

# While the database is being set up there is no standby to wait for.
export PGOPTIONS='-c synchronous_commit=local'
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
    -v hub="$(cat /run/secrets/db-hub)" -v replication="$(cat /run/secrets/db-replication)" <<'SQL'
CREATE ROLE hub LOGIN PASSWORD :'hub';
CREATE ROLE replication LOGIN REPLICATION PASSWORD :'replication';
SELECT pg_create_physical_replication_slot('db2');
SQL
echo 'host replication replication all scram-sha-256' >> "$PGDATA/pg_hba.conf"
