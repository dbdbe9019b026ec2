// The status callbacks that Twilio owes: their order, their losses and repeats, and what became of each.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "crypto.hpp"
#include "delivery.hpp"

namespace sim {

class Callbacks {
public:
    Callbacks(const SettingsStore &settings, Random &random);
    ~Callbacks();
    Callbacks(const Callbacks &) = delete;
    Callbacks &operator=(const Callbacks &) = delete;

    /// Called in the order in which things happen. Takes effect by settings.callback_*.
    void add(const Notice &notice);
    /// Sends held ones in this order, one after the other; without ids all of them, as they came or shuffled.
    std::size_t release(std::vector<std::int64_t> ids, bool shuffled);
    /// Sends one again, whatever became of it; false for an unknown id.
    bool resend(std::int64_t id);
    /// Waits until nothing is on its way; false when it took longer than that. Held ones are not waited for.
    bool drain(Time longest);
    Json json(std::int64_t since, const std::string &room) const;
    Json counts() const;
    void reset();

private:
    enum class State { held, waiting, sending, delivered, failed, dropped };

    struct Delivery {
        std::int64_t id = 0, copy_of = 0;
        Notice notice;
        State state = State::waiting;
        std::string lane;  // those of one lane go one after the other; empty: each for itself
        Time due = 0;      // real time
        std::string idempotency_token;
        std::vector<Attempt> attempts;
    };

    Delivery &append(const Notice &notice);
    void enqueue(Delivery &delivery, const std::string &lane, Time due);
    void run();
    static std::string_view name_of(State state);
    static Json json(const Delivery &delivery);

    const SettingsStore &settings_;
    Random &random_;
    mutable std::mutex mutex_;
    std::condition_variable work_, idle_;
    std::map<std::int64_t, Delivery> deliveries_;
    std::map<std::string, std::deque<std::int64_t>> lanes_;  // those behind the one that is out or due
    std::set<std::pair<Time, std::int64_t>> ready_;
    std::int64_t next_id_ = 1, under_way_ = 0, lanes_made_ = 0, epoch_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> workers_;
};

}  // namespace sim
