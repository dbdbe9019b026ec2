#!/usr/bin/env bash
# One shard becomes two, each with half of its slots:
#   split.sh PROXY SHARD NEW
# PROXY is the proxy's connection string, SHARD the name of a shard, NEW that of the database which takes the upper half, on the
# same server. Run it as a superuser. Calls for this shard are refused with PT503 meanwhile; the other shards go on. PATIENCE
# (10) is how many seconds transactions that are open on the proxy get to end. README.md says why this is safe, and what to do
# where it stops half-way.
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

complain() {
    echo "${0##*/}: $*" >&2
    exit 1
}

sql() { PGOPTIONS='-c client_min_messages=warning' psql -XAtq -v ON_ERROR_STOP=1 "$@"; }
on_proxy() { sql -d "$proxy" -v shards="$shards" -v partition="$partition" -v conninfo="$new_conninfo" "$@"; }
on_server() { sql -d "$conninfo dbname=postgres" -v shard="$shard" -v new="$new" -v before="${shard}_before"; }

# end_sessions COMMAND QUERY: runs the query, which ends sessions and gives their number, until there are none.
end_sessions() {
    local deadline=$((SECONDS + 60))
    until [ "$("$1" <<<"$2")" -eq 0 ]; do
        [ "$SECONDS" -lt "$deadline" ] || complain "sessions do not end: $2"
        sleep 0.1
    done
}

[ $# -eq 3 ] || complain "usage: ${0##*/} PROXY SHARD NEW"
proxy=$1 shard=$2 new=$3
[[ $new =~ ^[a-z_][a-z0-9_]*$ ]] || complain "not a plain name: $new"
found=$(sql -d "$proxy" -F ' ' -v shard="$shard" <<'SQL'
SELECT s.partition, count(*) / cardinality(s.partitions), count(*), s.conninfo
  FROM sharding.shard s CROSS JOIN sharding.map m WHERE s.shard = :'shard'
 GROUP BY s.partition, s.partitions, s.conninfo
SQL
)
# The shard has the slots with slot & (shards - 1) = partition.
read -r partition shards partitions conninfo <<<"$found"
[ -n "$partition" ] || complain "there is no shard $shard"
new_conninfo=${conninfo/dbname=$shard/dbname=$new}
trap 'echo "${0##*/}: stopped half-way, see \"Where a split stops\" in README.md" >&2' ERR

if [ "$shards" -eq "$partitions" ]; then
    echo "The map gets twice as many partitions; every shard keeps its slots."
    on_proxy <<'SQL'
SELECT format('ALTER SERVER shards OPTIONS (%s)', string_agg(format('ADD p%s %L', m.partition + :shards, m.conninfo), ', '))
  FROM sharding.map m \gexec
SQL
fi

echo "The upper half of the slots of $shard is $new's now, which is not there yet."
on_proxy -1 <<'SQL'
SELECT format('ALTER SERVER shards OPTIONS (%s)', string_agg(format('SET p%s %L', m.partition, :'conninfo'), ', '))
  FROM sharding.map m WHERE m.partition & (2 * :shards - 1) = :partition + :shards \gexec
CALL sharding.list_shard(:'conninfo');
SQL

# A transaction goes on with the map that it began with, and must not meet the shard as it is to be.
echo "Transactions that are open on the proxy end, within ${PATIENCE:=10} seconds."
changed=$(on_proxy <<<'SELECT clock_timestamp()')
former="FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start < '$changed'"
deadline=$((SECONDS + PATIENCE))
until [ "$SECONDS" -ge "$deadline" ] || [ "$(on_proxy <<<"SELECT count(*) $former")" -eq 0 ]; do
    sleep 0.1
done
end_sessions on_proxy "SELECT count(pg_terminate_backend(pid)) $former"

echo "$shard closes: nobody, not even its worker, gets at its rooms any more."
on_server <<<'ALTER DATABASE :"shard" ALLOW_CONNECTIONS false'
end_sessions on_server "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :'shard'"

echo "Two copies of it are made, which pause, since they are copies."
on_server <<'SQL'
ALTER DATABASE :"shard" RENAME TO :"before";
CREATE DATABASE :"new" TEMPLATE :"before" STRATEGY FILE_COPY CONNECTION LIMIT 0;
CREATE DATABASE :"shard" TEMPLATE :"before" STRATEGY FILE_COPY CONNECTION LIMIT 0;
SQL

echo "Each lets go of the rooms of the other, and starts to work."
sql -d "$new_conninfo" -v shards=$((2 * shards)) -v shard=$((partition + shards)) -f "$here/shard/keep.sql" &
sql -d "$conninfo" -v shards=$((2 * shards)) -v shard="$partition" -f "$here/shard/keep.sql"
wait $!

echo "Both open."
on_server <<'SQL'
ALTER DATABASE :"new" CONNECTION LIMIT -1;
ALTER DATABASE :"shard" CONNECTION LIMIT -1;
SQL
trap - ERR
for half in "$new_conninfo" "$conninfo"; do
    sql -d "$half" -c 'VACUUM (ANALYZE)'
done
echo "The original is ${shard}_before, closed. Drop it once all is well, and never open it: its worker would call Twilio, too."
