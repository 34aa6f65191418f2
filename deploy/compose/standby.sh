#!/bin/bash
# The standby NAME of the server PRIMARY: takes a copy the first time, then follows. NAME is its slot there, and what
# the primary's commits wait for. Once promoted it waits for nobody, until it is told to: docs/deployment.md.
set -euo pipefail
export PGDATA=${PGDATA:-/var/lib/postgresql/data}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    find "$PGDATA" -mindepth 1 -delete      # what a copy that broke off has left
    primary="host=${PRIMARY:?} port=5432 user=replication password=$(cat /run/secrets/db-replication)"
    pg_basebackup --pgdata="$PGDATA" --slot="${NAME:?}" --wal-method=stream --dbname="$primary application_name=copy"
    {
        echo "primary_conninfo = '$primary application_name=$NAME'"
        echo "primary_slot_name = '$NAME'"
        echo "synchronous_standby_names = ''"
    } >> "$PGDATA/postgresql.auto.conf"
    chmod 0700 "$PGDATA"
    touch "$PGDATA/standby.signal"
fi
exec postgres -D "$PGDATA" -c config_file=/etc/postgresql/hub.conf
