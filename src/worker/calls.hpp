// The calls under way: what they are for stays here, what is sent goes to the HTTP client.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

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
    int capacity() const;

    // Sends a call that the gate has admitted.
    void send(Call call);

    // Has a read sent when the gate admits it; one that a row of the outbox stands behind goes first.
    void queue(Call call);
    bool queue_empty() const { return queue_.empty(); }

    // Sends what the gate admits of the queue.
    void send_queued();

    // Lets curl work; gives the answers that have come, judged.
    std::vector<Answered> serve();

    // Adds the rooms with a call of the outbox under way.
    void add_busy_rooms(std::vector<std::string> &rooms) const;

private:
    Gate &gate_;
    http::Client client_;
    std::map<std::uint64_t, Call> in_flight_;
    std::deque<Call> queue_;
    std::uint64_t last_tag_ = 0;
};

}  // namespace videoroom::worker
