// One answer while it is recorded: what its kind of call does with it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pg/spi.hpp"
#include "worker/call.hpp"
#include "worker/facts.hpp"

namespace videoroom::worker {

// What recording a batch of answers brought.
struct Effects {
    std::vector<std::pair<std::string, std::string>> made;  // rooms, and the sessions that they now have
    std::vector<std::string> unmade;  // rooms whose create is done with and made no session
    std::size_t dead = 0;             // rows given up
    std::vector<Call> follow_ups;
};

// The transaction holds the room. What becomes of the row of a failed call is written at once, the rest is
// gathered.
class Recording {
public:
    // `closed`: the room is. `resume_at` as for Answers::record().
    Recording(pg::Spi &spi, const Answered &answered, bool closed, TimestampTz resume_at, Facts &facts,
              Effects &effects);

    // Has the call's kind say what the answer means. By default: the row of a refusal whose end is there
    // already goes, one that Twilio asked to hold back waits until `resume_at`, one that can never succeed
    // dies, all others back off.
    void take();

    const Answered &answered() const { return answered_; }
    const Call &call() const { return answered_.call; }
    bool closed() const { return closed_; }
    pg::Spi &spi() { return spi_; }
    Facts &facts() { return facts_; }
    Effects &effects() { return effects_; }

    // The row's next call.
    void follow(const Kind &kind, core::Request request);
    // A call that no row stands behind.
    void ask(Call call) { effects_.follow_ups.push_back(std::move(call)); }

    // The row is done with; is tried again later, or at a certain time; is given up; has been given up. All
    // of them do nothing where no row stands behind the call.
    void finish();
    void back_off();
    void postpone(TimestampTz run_at, bool keep_last_error = false);
    void bury();
    void note_dead();

private:
    void failed();
    std::optional<TimestampTz> sent_at() const;

    pg::Spi &spi_;
    const Answered &answered_;
    bool closed_;
    TimestampTz resume_at_;
    Facts &facts_;
    Effects &effects_;
};

}  // namespace videoroom::worker
