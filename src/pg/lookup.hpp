// Rows found by an index and read without the executor, which takes several times longer to start than they
// take to read. For joins and callbacks, which are many.
//
// All of it calls the server, so it belongs inside pg::call, and what it leaves open in an error the end of
// the transaction closes.
#pragma once

#include "pg/postgres.hpp"

namespace videoroom::pg {

// A table of ours, locked against DROP until the end of the transaction.
struct Table {
    Relation relation;
    Oid index;
};
Table open_table(const char *name, const char *index);
void close_table(const Table &table);

// A row's column by its name; NULL gives `otherwise`.
Datum column(const Table &table, HeapTuple row, const char *name, bool *null);
bool has(const Table &table, HeapTuple row, const char *name);
TimestampTz time_column(const Table &table, HeapTuple row, const char *name, TimestampTz otherwise);
const char *text_column(const Table &table, HeapTuple row, const char *name);  // NULL gives nullptr

// What an index is searched for: `column` of the table equals `value`, a text of collation "C" or some bytes.
ScanKeyData equals(const Table &table, const char *column, const char *value);
ScanKeyData equals(const Table &table, const char *column, bytea *value);

// Is there a row with that value now, under the latest snapshot: the caller's may be older than its locks?
// `index` is the one on that column. By the index always, since a plan that was made when the table was empty
// reads it whole.
template <typename Value>
bool exists(const char *table, const char *index, const char *column, Value value);

// Calls f with each row that has those values and that the snapshot shows. f must leave no C++ object behind.
template <typename F>
void for_each(const Table &table, ScanKeyData *keys, int count, Snapshot snapshot, F &&f)
{
    SysScanDesc scan =
        systable_beginscan(table.relation, table.index, OidIsValid(table.index), snapshot, count, keys);
    while (HeapTuple row = systable_getnext(scan))
        f(row);
    systable_endscan(scan);
}

// The same under the active snapshot.
template <typename F>
void for_each(const Table &table, ScanKeyData *keys, int count, F &&f)
{
    for_each(table, keys, count, GetActiveSnapshot(), f);
}

template <typename Value>
bool exists(const char *table, const char *index, const char *column, Value value)
{
    bool found = false;
    PushActiveSnapshot(GetLatestSnapshot());
    Table opened = open_table(table, index);
    ScanKeyData key = equals(opened, column, value);
    for_each(opened, &key, 1, [&](HeapTuple) { found = true; });
    close_table(opened);
    PopActiveSnapshot();
    return found;
}

}  // namespace videoroom::pg
