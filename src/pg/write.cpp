#include "pg/write.hpp"

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

// A table being written to. All of it lives in the executor's state, which an error leaves to the memory
// context it was made in.
struct Target {
    explicit Target(Relation table) : state(CreateExecutorState()), caller(CurrentMemoryContext)
    {
        MemoryContextSwitchTo(state->es_query_cxt);
        relation = makeNode(ResultRelInfo);
        InitResultRelInfo(relation, table, 0, nullptr, 0);
        ExecOpenIndices(relation, false);
        state->es_opened_result_relations = list_make1(relation);
        slot = table_slot_create(table, &state->es_tupleTable);
        AfterTriggerBeginQuery();
    }

    // Not in a destructor: it raises what a foreign key or a trigger has against the rows.
    void finish()
    {
        AfterTriggerEndQuery(state);
        ExecResetTupleTable(state->es_tupleTable, false);
        ExecCloseResultRelations(state);
        MemoryContextSwitchTo(caller);
        FreeExecutorState(state);
        CommandCounterIncrement();
    }

    EState *state;
    MemoryContext caller;
    ResultRelInfo *relation;
    TupleTableSlot *slot;
};

}  // namespace

void insert(const char *name, std::initializer_list<const char *> columns, const std::vector<Value> &values)
{
    call([&] {
        PreventCommandIfReadOnly("INSERT");
        if (values.size() % columns.size() != 0)
            elog(ERROR, "values for \"%s\" do not make whole rows", name);
        Relation table = table_open(relation_oid(name), RowExclusiveLock);
        Target target(table);
        for (const Value *row = values.data(), *end = row + values.size(); row < end; row += columns.size()) {
            fill(target.slot, table, columns, row, target.state);
            ExecSimpleRelationInsert(target.relation, target.state, target.slot);
            ResetPerTupleExprContext(target.state);
        }
        target.finish();
        table_close(table, NoLock);
    });
}

bool update(const Table &table, HeapTuple row, const char *column, const Value &value)
{
    CheckCmdReplicaIdentity(table.relation, CMD_UPDATE);
    TupleTableSlot *slot = table_slot_create(table.relation, nullptr);
    heap_deform_tuple(row, RelationGetDescr(table.relation), slot->tts_values, slot->tts_isnull);
    set_column(slot, column_number(table.relation, column), value);
    ExecStoreVirtualTuple(slot);

    TM_FailureData failure;
    LockTupleMode lock{};
    IndexesToUpdate indexes{};
    TM_Result result =
        table_tuple_update(table.relation, &row->t_self, slot, GetCurrentCommandId(true), GetActiveSnapshot(),
                           InvalidSnapshot, true, &failure, &lock, &indexes);
    if (result == TM_Ok && indexes) {
        Target target(table.relation);
        update_indexes(target.relation, slot, target.state, indexes);
        target.finish();
    }
    ExecDropSingleTupleTableSlot(slot);
    CommandCounterIncrement();
    return result == TM_Ok;
}

Value next_value(const char *sequence)
{
    return bigint(call([&] { return nextval_internal(relation_oid(sequence), false); }));
}

}  // namespace videoroom::pg
