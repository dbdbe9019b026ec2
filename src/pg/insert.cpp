#include "pg/insert.hpp"

#include "pg/lookup.hpp"

namespace videoroom::pg {
namespace {

void set_column(TupleTableSlot *slot, int number, const Value &value)
{
    Form_pg_attribute column = TupleDescAttr(slot->tts_tupleDescriptor, number - 1);
    if (column->atttypid != value.type)
        elog(ERROR, "value for column \"%s\" is of type %u instead of %u", NameStr(column->attname),
             value.type, column->atttypid);
    slot->tts_values[number - 1] = value.datum;
    slot->tts_isnull[number - 1] = value.null;
}

void set_default(TupleTableSlot *slot, Relation table, int number, EState *state)
{
    Node *expression = build_column_default(table, number);
    ExprState *prepared = ExecPrepareExpr(reinterpret_cast<Expr *>(expression), state);
    slot->tts_values[number - 1] =
        ExecEvalExpr(prepared, GetPerTupleExprContext(state), &slot->tts_isnull[number - 1]);
}

void fill(TupleTableSlot *slot, Relation table, std::initializer_list<const char *> columns, const Value *row,
          EState *state)
{
    ExecStoreAllNullTuple(slot);
    Bitmapset *given = nullptr;
    for (const char *column : columns) {
        int number = column_number(table, column);
        set_column(slot, number, *row++);
        given = bms_add_member(given, number);
    }
    for (int number = 1; number <= RelationGetNumberOfAttributes(table); number++) {
        Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), number - 1);
        bool has_default = column->atthasdef || column->attidentity;
        if (has_default && !column->attgenerated && !bms_is_member(number, given))
            set_default(slot, table, number, state);
    }
}

}  // namespace

void insert(const char *name, std::initializer_list<const char *> columns, const std::vector<Value> &values)
{
    call([&] {
        PreventCommandIfReadOnly("INSERT");
        if (values.size() % columns.size() != 0)
            elog(ERROR, "values for \"%s\" do not make whole rows", name);
        Relation table = table_open(relation_oid(name), RowExclusiveLock);
        EState *state = CreateExecutorState();
        MemoryContext caller = MemoryContextSwitchTo(state->es_query_cxt);
        auto *target = makeNode(ResultRelInfo);
        InitResultRelInfo(target, table, 0, nullptr, 0);
        ExecOpenIndices(target, false);
        state->es_opened_result_relations = list_make1(target);
        TupleTableSlot *slot = table_slot_create(table, &state->es_tupleTable);

        AfterTriggerBeginQuery();
        for (const Value *row = values.data(), *end = row + values.size(); row < end; row += columns.size()) {
            fill(slot, table, columns, row, state);
            ExecSimpleRelationInsert(target, state, slot);
            ResetPerTupleExprContext(state);
        }
        AfterTriggerEndQuery(state);

        ExecResetTupleTable(state->es_tupleTable, false);
        ExecCloseResultRelations(state);
        table_close(table, NoLock);
        MemoryContextSwitchTo(caller);
        FreeExecutorState(state);
        CommandCounterIncrement();
    });
}

Value next_value(const char *sequence)
{
    return bigint(call([&] { return nextval_internal(relation_oid(sequence), false); }));
}

}  // namespace videoroom::pg
