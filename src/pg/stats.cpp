#include "pg/stats.hpp"

#include <algorithm>

#include "pg/shared_state.hpp"

namespace videoroom::pg::stats {
namespace {

template <typename Deed>
void each(Stats &stats, Deed deed)
{
    Joins &joins = stats.joins;
    Callbacks &callbacks = stats.callbacks;
    Calls &calls = stats.calls;
    for (Counter *counter : {&joins.ok,
                             &joins.refused,
                             &joins.unavailable,
                             &joins.failed,
                             &callbacks.ok,
                             &callbacks.ignored,
                             &callbacks.failed,
                             &callbacks.not_understood,
                             &callbacks.forged,
                             &callbacks.genuine_at,
                             &callbacks.mismatched_at,
                             &callbacks.mismatched,
                             &callbacks.forged_told_at,
                             &callbacks.forged_told,
                             &calls.sent,
                             &calls.ok,
                             &calls.limited,
                             &calls.failed,
                             &calls.retried,
                             &calls.dead,
                             &calls.in_flight,
                             &calls.last_success_at,
                             &calls.clock_ahead})
        deed(*counter);
    for (Lengths *lengths : {&callbacks.lag, &calls.time}) {
        deed(lengths->sum);
        deed(lengths->count);
    }
}

void add(Counter &counter, std::uint64_t many) noexcept
{
    pg_atomic_fetch_add_u64(&counter, static_cast<int64>(many));
}

void note(Lengths &lengths, core::Time length) noexcept
{
    // The two clocks may disagree.
    add(lengths.sum, static_cast<std::uint64_t>(std::max<core::Time>(length, 0)));
    add(lengths.count, 1);
}

}  // namespace

void init(Stats &stats) noexcept
{
    each(stats, [](Counter &counter) { pg_atomic_init_u64(&counter, 0); });
}

void reset(Stats &stats) noexcept
{
    each(stats, [](Counter &counter) { pg_atomic_write_u64(&counter, 0); });
    stats.since = GetCurrentTimestamp();
}

Stats *own() noexcept
{
    static shared::Database *entry = nullptr;
    // Read without the lock: an entry that changes hands right now costs another database one count.
    if (entry && *const_cast<volatile Oid *>(&entry->oid) == MyDatabaseId)
        return &entry->stats;
    if (!shared::state())
        return nullptr;
    shared::Locked locked(shared::state());
    entry = shared::claim_database(shared::state(), MyDatabaseId);
    return entry ? &entry->stats : nullptr;
}

void count(Counter Joins::*which) noexcept
{
    if (Stats *stats = own())
        add(stats->joins.*which, 1);
}

void count(Counter Callbacks::*which) noexcept
{
    if (Stats *stats = own())
        add(stats->callbacks.*which, 1);
}

void count(Counter Calls::*which, std::size_t many) noexcept
{
    if (Stats *stats = many > 0 ? own() : nullptr)
        add(stats->calls.*which, many);
}

void set(Counter Calls::*which, std::uint64_t value) noexcept
{
    if (Stats *stats = own())
        pg_atomic_write_u64(&(stats->calls.*which), value);
}

void time_call(core::Time took) noexcept
{
    if (Stats *stats = own())
        note(stats->calls.time, took);
}

void time_callback(core::Time lag) noexcept
{
    if (Stats *stats = own())
        note(stats->callbacks.lag, lag);
}

void note_genuine() noexcept
{
    if (Stats *stats = own()) {
        pg_atomic_write_u64(&stats->callbacks.genuine_at, static_cast<uint64>(GetCurrentTimestamp()));
        pg_atomic_write_u64(&stats->callbacks.mismatched, 0);
    }
}

void note_mismatch() noexcept
{
    if (Stats *stats = own()) {
        pg_atomic_write_u64(&stats->callbacks.mismatched_at, static_cast<uint64>(GetCurrentTimestamp()));
        add(stats->callbacks.mismatched, 1);
    }
}

}  // namespace videoroom::pg::stats
