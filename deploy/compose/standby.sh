#!/bin/bash
# The standby: takes a copy of the primary the first time, then follows it. `application_name` is what
# synchronous_standby_names waits for. To promote it: docker compose exec -u postgres db2 pg_ctl promote
set -euo pipefail
export PGDATA=${PGDATA:-/var/lib/postgresql/data}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "${PGDATA:?}"/*
    PGPASSWORD=$(cat /run/secrets/db-replication) pg_basebackup --pgdata="$PGDATA" --slot=db2 --wal-method=stream \
        --dbname="host=${PRIMARY:-db1} port=${PRIMARY_PORT:-5432} user=replication application_name=db2"
    touch "$PGDATA/standby.signal"
    printf "%s = '%s'\n" primary_slot_name db2 primary_conninfo \
        "host=${PRIMARY:-db1} port=${PRIMARY_PORT:-5432} user=replication application_name=db2 password=$(cat /run/secrets/db-replication)" \
        >> "$PGDATA/postgresql.auto.conf"
    chmod 0700 "$PGDATA"
fi
exec postgres -D "$PGDATA" -c config_file="${CONFIG:-/etc/postgresql/hub.conf}"
