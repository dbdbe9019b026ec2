// The calls under way: what they are for stays here, what is sent goes to the HTTP client.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "core/turns.hpp"
#include "http/client.hpp"
#include "worker/call.hpp"
#include "worker/gate.hpp"

namespace videoroom::worker {

// Calls in flight, and reads that wait for their quota.
class Calls {
public:
    explicit Calls(Gate &gate);

    // For the wait: readable, and at the latest after so many milliseconds (-1: never), call serve().
    int descriptor() const { return client_.descriptor(); }
    long timeout_ms() const { return client_.timeout_ms(); }

    // How many more calls videoroom.max_requests allows.
    int room() const;

    // Of a class, with so many others about to be sent: every other class keeps a place, and what nobody
    // waits for has a quarter of them at most.
    int room_for(Work work, const PerClass &others = {}) const;

    // Sends a call that the gate has admitted.
    void send(Call call);

    // Has a read sent when the gate admits it.
    void queue(Call call);
    void queue(std::vector<Call> calls);
    // How many of a class wait.
    int queued(Work work) const { return static_cast<int>(queues_[static_cast<std::size_t>(work)].size()); }
    bool nothing_queued() const;
    // Those that no row stands behind are asked for again by the next sweep.
    void forget_background();

    // Sends what the gate admits of the queue.
    void send_queued();

    // When a queued read may leave; DT_NOEND if only an answer can make room for one.
    TimestampTz next_queued() const;

    // Lets curl work; gives the answers that have come, judged.
    std::vector<Answered> serve();

    // Adds the rooms with a call of the outbox under way.
    void add_busy_rooms(std::vector<std::string> &rooms) const;

private:
    TimestampTz next_of(std::size_t work) const;

    Gate &gate_;
    http::Client client_;
    std::map<std::uint64_t, Call> in_flight_;
    std::array<int, work_classes> in_class_{};  // of those in flight
    std::array<std::deque<Call>, work_classes> queues_;
    core::Turns<work_classes> turns_{turns_of_reads};
    std::uint64_t last_tag_ = 0;
};

}  // namespace videoroom::worker
