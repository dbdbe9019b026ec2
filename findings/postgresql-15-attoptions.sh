#!/usr/bin/env bash
# Debian's PostgreSQL 15.20 keeps an option of its own, pg_attver=NUMBER, in pg_attribute.attoptions of every column, of tables that
# nobody gave an option as well. The numbers differ between two tables, and two databases, of the same definition; ALTER TABLE takes
# such an option from anybody; pg_dump leaves it out. Whoever compares catalogs by attoptions finds differences where there are none.
#
# Needs apt-get with a Debian 12 source, and what postgresql-15 depends on, on amd64. Takes package postgresql-15 15.20-0+deb12u1 into a
# temporary folder and runs it there. Exits 0 while it does as described.
set -euo pipefail
version=15.20-0+deb12u1
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
apt-get download -q "postgresql-15=$version" "postgresql-client-15=$version" >/dev/null
for package in ./*.deb; do dpkg -x "$package" "$folder"; done
[ "$(id -u)" -ne 0 ] || chown nobody "$folder"
as_user "$bin/initdb" -D "$folder/data" -U owner -A trust --no-sync >/dev/null
as_user "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" -o "-k $folder -c listen_addresses=''" start >/dev/null
query() { as_user "$bin/psql" -XAtq -h "$folder" -U owner -d postgres -c "$1"; }

query "SELECT version()"
query "CREATE TABLE one (a integer, b text); CREATE TABLE two (a integer, b text); TABLE one; TABLE two"
shown=$(query "SELECT attrelid::regclass, attname, attoptions FROM pg_attribute
    WHERE attrelid IN ('one'::regclass, 'two'::regclass) AND attnum > 0 ORDER BY 1, 2")
echo "$shown"
[ "$(grep -cE '\{pg_attver=[0-9]+\}$' <<<"$shown")" -eq 4 ]
[ "$(sed 's/.*|//' <<<"$shown" | sort -u | wc -l)" -eq 2 ]
query "ALTER TABLE one ALTER COLUMN a SET (pg_attver = 1)"
! as_user "$bin/pg_dump" -h "$folder" -U owner -t one postgres | grep pg_attver
echo "as described"
