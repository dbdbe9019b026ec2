// An action: what a row of the outbox may ask for. Its file says which facts it needs, what call they ask
// for, and what each verdict on that call means.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "pg/spi.hpp"
#include "worker/call.hpp"

namespace videoroom::worker {

// What a claim reads of a row, whatever its action. The row's room is held.
struct Row {
    int64 id = 0;
    Work work = Work::upkeep;
    std::string room_id;
    std::string target;
    int attempts = 0;
    std::optional<TimestampTz> sent_at;
    bool closed = false;                  // the room is, or its time has come
    bool create_sent = false;             // a create of the room has been sent and is not resolved
    std::optional<std::string> open_sid;  // the room's open session
};

// The moment of a claim, and where Twilio is to call back.
struct Circumstances {
    TimestampTz now;
    std::string_view callback_url;
};

// What is to become of a row.
struct Decision {
    enum class Fate { call, drop, postpone, bury };

    Fate fate;
    std::optional<Call> call;
    TimestampTz not_before = 0;  // postpone: as housekeeping, then

    static Decision send(Call call) { return {Fate::call, std::move(call)}; }
    // Settling puts back what is asked for still.
    static Decision drop() { return {Fate::drop, std::nullopt}; }
    static Decision postpone(TimestampTz not_before) { return {Fate::postpone, std::nullopt, not_before}; }
    // Too late to be of use.
    static Decision bury() { return {Fate::bury, std::nullopt}; }
};

struct Action {
    const char *name;  // outbox.action

    // The facts of the rows with ids $1 at the moment $2: one row for each, by its column id.
    pg::Statement &facts;

    // Throws core::InvalidInput where they cannot be understood: then the row is given up.
    Decision (*decide)(const Row &row, const pg::Record &facts, const Circumstances &circumstances);
};

// All there are.
std::span<const Action *const> actions() noexcept;

// The row's call.
Call call_for(const Row &row, const Kind &kind, core::Request request, TimestampTz now);

}  // namespace videoroom::worker
