// The one door to the server's headers, and the one place that knows its versions.
#pragma once

#ifndef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))  // before PG 16 the server leaves it empty
#endif

extern "C" {
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_control.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/tablespace.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "common/jsonapi.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqsignal.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/slot.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "storage/condition_variable.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
}

#include <bit>
#include <string>
#include <string_view>

#include "core/time.hpp"

namespace videoroom::pg {

// The server counts from 2000, core from 1970; both in microseconds.
constexpr core::Time epoch_gap =
    static_cast<core::Time>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

constexpr core::Time to_core(TimestampTz time) noexcept
{
    return time + epoch_gap;
}
constexpr TimestampTz to_server(core::Time time) noexcept
{
    return time - epoch_gap;
}

// As ISO 8601 has it, in UTC.
inline std::string format_time(TimestampTz time)
{
    return core::format_iso8601(to_core(time));
}

// Uniform in [0, 1), for spreading retries; no secret may depend on it.
inline double random01() noexcept
{
    return pg_prng_double(&pg_global_prng_state);
}

// Does the current user own the database?
inline bool owns_database(Oid database)
{
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, GetUserId());
#else
    return pg_database_ownercheck(database, GetUserId());
#endif
}

// May the current user make databases? Not all minor releases offer the server's own function
// for that.
inline bool may_create_databases()
{
    HeapTuple role = superuser() ? nullptr : SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
    if (!HeapTupleIsValid(role))
        return superuser();
    bool may = reinterpret_cast<Form_pg_authid>(GETSTRUCT(role))->rolcreatedb;
    ReleaseSysCache(role);
    return may;
}

// From 19 on the server itself ends such a worker, when a command wants its database without connections.
#if PG_VERSION_NUM >= 190000
constexpr int interruptible_worker = BGWORKER_INTERRUPTIBLE;
#else
constexpr int interruptible_worker = 0;
#endif

// A wait event set that lives as long as the process.
inline WaitEventSet *create_wait_event_set(int events)
{
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

// A lexer over text that outlives it, which gives strings without their escapes.
inline JsonLexContext *json_lexer(std::string_view text)
{
#if PG_VERSION_NUM >= 170000
    return makeJsonLexContextCstringLen(nullptr, text.data(), text.size(), GetDatabaseEncoding(), true);
#else
    return makeJsonLexContextCstringLen(const_cast<char *>(text.data()), static_cast<int>(text.size()),
                                        GetDatabaseEncoding(), true);
#endif
}

// A jsonb that is being put together.
#if PG_VERSION_NUM >= 190000
using JsonbState = JsonbInState;
#else
struct JsonbState {
    JsonbParseState *levels;
    JsonbValue *result;
};
#endif

inline void push(JsonbState *state, JsonbIteratorToken token, JsonbValue *value = nullptr)
{
#if PG_VERSION_NUM >= 190000
    pushJsonbValue(state, token, value);
#else
    state->result = pushJsonbValue(&state->levels, token, value);
#endif
}

// SIG_IGN has the C library's type of a handler, which is not the server's from 19 on.
inline void ignore_signal(int number)
{
    pqsignal(number, std::bit_cast<pqsigfunc>(SIG_IGN));
}

#if PG_VERSION_NUM >= 180000
#define VIDEOROOM_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "videoroom", .version = VIDEOROOM_VERSION)
#else
#define VIDEOROOM_MODULE_MAGIC PG_MODULE_MAGIC
#endif

}  // namespace videoroom::pg
