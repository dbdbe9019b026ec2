// Counters and latencies of this database, in one row, from shared memory alone.
#include "pg/stats.hpp"

#include <array>
#include <optional>
#include <string>

#include "pg/guard.hpp"
#include "pg/shared_state.hpp"

namespace videoroom::api {
namespace {

namespace stats = pg::stats;
using pg::shared::Pause;

// The values of videoroom.stats, put in the order of its columns.
class Row {
public:
    explicit Row(TupleDesc descriptor) : descriptor_(descriptor) {}

    void add(std::uint64_t count) { put(Int64GetDatum(static_cast<int64>(count))); }
    void add(stats::Counter &counter) { add(read(counter)); }
    void add(std::optional<TimestampTz> time) { put(TimestampTzGetDatum(time.value_or(0)), !time); }
    void add(const char *text) { text ? put(CStringGetTextDatum(text)) : put(0, true); }

    void add(stats::Lengths &lengths)
    {
        put(Float8GetDatum(static_cast<double>(read(lengths.sum)) / core::second));
        add(lengths.count);
    }

    Datum form()
    {
        pass_dropped();
        if (filled_ != descriptor_->natts)
            ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("type videoroom.stats is of another version than the library"),
                    errhint("Run: ALTER EXTENSION videoroom UPDATE"));
        return HeapTupleGetDatum(heap_form_tuple(descriptor_, values_.data(), nulls_.data()));
    }

private:
    static std::uint64_t read(stats::Counter &counter) { return pg_atomic_read_u64(&counter); }

    // An updated database still has what was a column once.
    void pass_dropped()
    {
        while (filled_ < descriptor_->natts && TupleDescAttr(descriptor_, filled_)->attisdropped)
            nulls_[static_cast<std::size_t>(filled_++)] = true;
    }

    void put(Datum value, bool null = false)
    {
        pass_dropped();
        values_.at(static_cast<std::size_t>(filled_)) = value;
        nulls_[static_cast<std::size_t>(filled_++)] = null;
    }

    TupleDesc descriptor_;
    std::array<Datum, 64> values_{};
    std::array<bool, 64> nulls_{};
    int filled_ = 0;
};

const char *why_paused(const pg::shared::Status &status, core::Time now)
{
    if (RecoveryInProgress())
        return "standby";
    if (!status.worker)
        return "no-worker";
    switch (status.pause) {
        case Pause::no_credentials:
            return "no-credentials";
        case Pause::other_home:
            return "other-home";
        case Pause::other_version:
            return "other-version";
        case Pause::none:
        case Pause::account:
            break;
    }
    if (status.breaker.unauthorized)
        return "unauthorized";
    if (status.breaker.paused_until > now)
        return "limited";
    return status.breaker.is_open(now) || status.breaker.openings > 0 ? "unavailable" : nullptr;
}

std::optional<TimestampTz> paused_until(const pg::shared::Status &status, core::Time now)
{
    core::Time next = status.breaker.next(now);
    return status.worker && next > now ? std::optional(pg::to_server(next)) : std::nullopt;
}

void add_calls(Row &row, stats::Calls &calls, const pg::shared::Status &status)
{
    TimestampTz now = GetCurrentTimestamp();
    for (stats::Counter *counter : {&calls.sent, &calls.ok, &calls.limited, &calls.failed, &calls.retried,
                                    &calls.dead, &calls.in_flight})
        row.add(*counter);
    row.add(status.next_due <= now ? std::optional(status.next_due) : std::nullopt);
    row.add(why_paused(status, pg::to_core(now)));
    row.add(paused_until(status, pg::to_core(now)));
    auto success = static_cast<TimestampTz>(pg_atomic_read_u64(&calls.last_success_at));
    row.add(success ? std::optional(success) : std::nullopt);
    row.add(calls.time);
}

void add_callbacks(Row &row, stats::Callbacks &callbacks)
{
    for (stats::Counter *counter : {&callbacks.ok, &callbacks.ignored, &callbacks.failed, &callbacks.forged})
        row.add(*counter);
    row.add(callbacks.lag);
}

void add_joins(Row &row, stats::Joins &joins, const pg::shared::Status &status)
{
    for (stats::Counter *counter : {&joins.ok, &joins.refused, &joins.unavailable, &joins.failed})
        row.add(*counter);
    row.add(static_cast<std::uint64_t>(status.waiters));
}

stats::Stats &own_stats()
{
    if (!pg::shared::state())
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "videoroom is not preloaded",
                          "The counters are in shared memory.", pg::shared::preload_line());
    stats::Stats *own = stats::own();
    if (!own)
        throw pg::Failure(
            ERRCODE_CONFIGURATION_LIMIT_EXCEEDED, "videoroom has no room for this database",
            "It serves " + std::to_string(pg::shared::most_databases) + " databases of a server at most.");
    return *own;
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_stats)
{
    pg::stats::Stats &stats = own_stats();
    pg::shared::Status status = pg::shared::read_status(MyDatabaseId);
    return pg::call([&] {
        Row row(pg::result_row(fcinfo));
        row.add(std::optional(stats.since));
        add_calls(row, stats.calls, status);
        add_callbacks(row, stats.callbacks);
        add_joins(row, stats.joins, status);
        row.add(stats.callbacks.not_understood);
        return row.form();
    });
}

}  // namespace videoroom::api
