#!/bin/bash
# Runs once, in an empty primary: the role that hubs log in with, the role and slot of the standby, and who may connect.
#
# From the next start on a commit waits until the standby has it on disk: then no receipt is lost with the primary, and
# while the standby is away nothing is accepted. With two standbys say 'ANY 1 (db2, db3)', and one of them may be away.
set -euo pipefail

psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
    -v hub="$(cat /run/secrets/db-hub)" -v replication="$(cat /run/secrets/db-replication)" <<'SQL'
CREATE ROLE hub LOGIN PASSWORD :'hub';
CREATE ROLE replication LOGIN REPLICATION PASSWORD :'replication';
SELECT pg_create_physical_replication_slot('db2');
ALTER SYSTEM SET synchronous_standby_names = 'db2';
SQL
echo 'host replication replication all scram-sha-256' >> "$PGDATA/pg_hba.conf"
