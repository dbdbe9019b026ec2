#include "pg/lookup.hpp"

namespace videoroom::pg {
namespace {

Oid relation_oid(const char *name)
{
    Oid relation = get_relname_relid(name, get_namespace_oid("videoroom", false));
    if (!OidIsValid(relation))
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
                errmsg("relation \"videoroom.%s\" does not exist", name));
    return relation;
}

int number_of(const Table &table, const char *name)
{
    int number = SPI_fnumber(RelationGetDescr(table.relation), name);
    if (number <= 0)
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
                errmsg("column \"%s\" of \"videoroom.%s\" does not exist", name,
                       RelationGetRelationName(table.relation)));
    return number;
}

}  // namespace

Table open_table(const char *name, const char *index)
{
    return {table_open(relation_oid(name), AccessShareLock), relation_oid(index)};
}

void close_table(const Table &table)
{
    table_close(table.relation, NoLock);
}

Datum column(const Table &table, HeapTuple row, const char *name, bool *null)
{
    return heap_getattr(row, number_of(table, name), RelationGetDescr(table.relation), null);
}

bool has(const Table &table, HeapTuple row, const char *name)
{
    return !heap_attisnull(row, number_of(table, name), RelationGetDescr(table.relation));
}

TimestampTz time_column(const Table &table, HeapTuple row, const char *name, TimestampTz otherwise)
{
    bool null = true;
    Datum value = column(table, row, name, &null);
    return null ? otherwise : DatumGetTimestampTz(value);
}

const char *text_column(const Table &table, HeapTuple row, const char *name)
{
    bool null = true;
    Datum value = column(table, row, name, &null);
    return null ? nullptr : TextDatumGetCString(value);
}

ScanKeyData equals(const Table &table, const char *column, const char *value)
{
    ScanKeyData key;
    ScanKeyInit(&key, static_cast<AttrNumber>(number_of(table, column)), BTEqualStrategyNumber, F_TEXTEQ,
                CStringGetTextDatum(value));
    return key;
}

ScanKeyData equals(const Table &table, const char *column, bytea *value)
{
    ScanKeyData key;
    ScanKeyInit(&key, static_cast<AttrNumber>(number_of(table, column)), BTEqualStrategyNumber, F_BYTEAEQ,
                PointerGetDatum(value));
    return key;
}

}  // namespace videoroom::pg
