// What the simulator has seen: every request, and every way in which one broke Twilio's rules.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "form.hpp"
#include "json.hpp"
#include "time.hpp"

namespace sim {

struct Seen {
    Time at = 0;    // simulated time
    Time took = 0;  // real microseconds from the head of the request to its outcome
    std::string method, path, query, auth, outcome;
    Form form;
    std::string room_sid, room_name;
    int status = 0;          // 0 when nothing was answered
    std::int64_t code = 0;   // Twilio's error code
    std::int64_t fault = 0;  // the fault that struck, 0 for none
    std::string user_agent;
    std::vector<std::string> violations;
};

/// What to show of the ledger.
struct SeenFilter {
    std::int64_t since = 0;          // numbers greater than this
    std::string method, room, path;  // path: a part of it
};

class Ledger {
public:
    /// A number for a request that begins, so that the ledger can be read in the order of arrival.
    std::int64_t begin();
    void add(std::int64_t number, const Seen &seen, std::int64_t keep);

    Json requests(const SeenFilter &filter) const;
    Json violations() const;
    Json counts() const;
    void reset();

private:
    struct Entry {
        std::int64_t number;
        Seen seen;
    };

    static Json json(const Entry &entry);

    mutable std::mutex mutex_;
    std::deque<Entry> entries_;  // in the order of their outcome
    std::vector<Json> violations_;
    std::int64_t begun_ = 0, answered_ = 0, limited_ = 0, unanswered_ = 0, reads_ = 0, writes_ = 0,
                 violation_count_ = 0;
};

}  // namespace sim
