#!/usr/bin/env bash
# plpgsql_check 2.3.0 (Debian 12) tells to mark a function STABLE that locks the rows it reads, if it does nothing else that is volatile:
# "routine is marked as VOLATILE, should be STABLE". Whoever does as it says has a function that fails each time it is called: PostgreSQL
# allows no SELECT FOR UPDATE, nor any other row lock, in one that is not volatile. And the next check calls just that an error: whatever
# the function is marked as, plpgsql_check has something to say.
#
# Needs apt-get with a Debian 12 source, and what postgresql-15 depends on, on amd64. Takes packages postgresql-15 (what there is of 15)
# and postgresql-15-plpgsql-check 2.3.0-1 into a temporary folder and runs them there. Exits 0 while it does as described.
set -euo pipefail
version=2.3.0-1
folder=$(mktemp -d)
user=()
[ "$(id -u)" -ne 0 ] || user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
as_user() { "${user[@]}" env HOME="$folder" "$@"; }
finish() {
    as_user "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
bin=$folder/usr/lib/postgresql/15/bin
trap finish EXIT
chmod 755 "$folder"
cd "$folder"
apt-get download -q postgresql-15 postgresql-client-15 "postgresql-15-plpgsql-check=$version" >/dev/null
for package in ./*.deb; do dpkg -x "$package" "$folder"; done
[ "$(id -u)" -ne 0 ] || chown nobody "$folder"
as_user "$bin/initdb" -D "$folder/data" -U owner -A trust --no-sync >/dev/null
as_user "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" -o "-k $folder -c listen_addresses=''" start >/dev/null
query() { as_user "$bin/psql" -XAtq -h "$folder" -U owner -d postgres -c "$1" 2>&1; }
check() { query "SELECT * FROM plpgsql_check_function('take()', all_warnings => true)"; }

query "SELECT version(); CREATE EXTENSION plpgsql_check; SELECT extversion FROM pg_extension WHERE extname = 'plpgsql_check'"
query "CREATE TABLE job (id integer PRIMARY KEY); INSERT INTO job VALUES (1);
    CREATE FUNCTION take() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT id FROM job LIMIT 1 FOR UPDATE); END'"
query "SELECT take()"
said=$(check)
echo "$said"
grep -q 'routine is marked as VOLATILE, should be STABLE' <<<"$said"
query "ALTER FUNCTION take() STABLE"
failed=$(query "SELECT take()" || true)
echo "$failed"
grep -q 'FOR UPDATE is not allowed in a non-volatile function' <<<"$failed"
said=$(check)
echo "$said"
grep -q '^error:0A000:.*FOR UPDATE is not allowed in a non volatile function' <<<"$said"
echo "as described"
