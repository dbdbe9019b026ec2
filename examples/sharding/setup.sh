#!/usr/bin/env bash
# Makes databases into shards and another into the proxy in front of them:
#   setup.sh PROXY SHARD...
# Each is a connection string of key=value words, in which dbname names the database; as many shards as a power of two, each
# with a name of its own. The shards' strings are those by which the proxy reaches them. Databases that are not there are
# made. Run it as a superuser of all the servers: PGUSER, and PGPASSWORD or ~/.pgpass. IDENTITY_CLAIM (sub) is the claim that
# names the user who joins; SHARD_PASSWORD is what the proxy logs in with on the shards, made up where it is not given: give
# several proxies of the same shards the same. Needs psql 15 or newer.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

complain() {
    echo "${0##*/}: $*" >&2
    exit 1
}

sql() { PGOPTIONS='-c client_min_messages=warning' psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

database() { sed -n 's/.*\bdbname=\([^ ]*\).*/\1/p' <<<"$1"; }

make_database() {
    local name
    name=$(database "$1")
    [ -n "$(sql -d "$1 dbname=postgres" -v name="$name" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")" ] ||
        sql -d "$1 dbname=postgres" -v name="$name" <<<'CREATE DATABASE :"name" ENCODING UTF8 TEMPLATE template0'
}

# columns CONNINFO RELATION: the definitions of its columns.
columns() {
    sql -d "$1" -v relation="$2" <<'SQL'
SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) ||
                  CASE WHEN a.attcollation NOT IN (0, 'pg_catalog."default"'::regcollation)
                       THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END, ', ' ORDER BY a.attnum)
  FROM pg_attribute a WHERE a.attrelid = :'relation'::regclass AND a.attnum > 0 AND NOT a.attisdropped
SQL
}

[ $# -ge 2 ] || complain "usage: ${0##*/} PROXY SHARD..."
proxy=$1
shift
for conninfo in "$proxy" "$@"; do
    [ -n "$(database "$conninfo")" ] || complain "no dbname in '$conninfo'"
done
[ $(($# & ($# - 1))) -eq 0 ] || complain "the number of shards must be a power of two"
[ -z "$(for conninfo; do database "$conninfo"; done | sort | uniq -d)" ] || complain "two shards of one name"

# It is in the proxy's user mappings, which superusers and their owners see.
export SHARD_PASSWORD="${SHARD_PASSWORD:-$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')}"

shard=0
for conninfo; do
    make_database "$conninfo"
    sql -d "$conninfo" -1 -f "$here/roles.sql"
    sql -d "$conninfo" -1 -v shards=$# -v shard=$shard -c 'CREATE EXTENSION IF NOT EXISTS videoroom' \
        -f "$here/shard/shard.sql" -f "$here/shard/slots.sql" >/dev/null
    echo "shard $(database "$conninfo"): slots with slot & $(($# - 1)) = $shard"
    shard=$((shard + 1))
done

make_database "$proxy"
sql -d "$proxy" -1 -f "$here/roles.sql"
sql -d "$proxy" -1 -v shards="$(printf '%s\n' "$@")" -v identity_claim="${IDENTITY_CLAIM:-sub}" \
    -v rooms_columns="$(columns "$1" videoroom_rooms)" \
    -v participants_columns="$(columns "$1" videoroom_participants)" \
    -v stats_columns="$(columns "$1" videoroom.stats)" \
    -f "$here/proxy/10-map.sql" -f "$here/proxy/20-slots.sql" -f "$here/proxy/30-calls.sql" \
    -f "$here/proxy/40-callbacks.sql" -f "$here/proxy/50-lists.sql" -f "$here/proxy/60-operator.sql" \
    -f "$here/proxy/70-grants.sql"
echo "proxy $(database "$proxy"): SELECT videoroom_grant('your_role', 'scheduler');"
