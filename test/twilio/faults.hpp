// Trouble on demand: what POST /sim/faults asked for, and which request it strikes.
#pragma once

#include <mutex>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "form.hpp"
#include "json.hpp"

namespace sim {

enum class Moment { never, before, after };  // before or after the request has done its work
enum class Part { none, headers, body };

struct Fault {
    // which requests
    std::string method, room;  // room: a SID or UniqueName; empty for any
    std::optional<std::regex> path;
    std::int64_t after = 0;  // so many matching requests pass first
    std::int64_t count = 1;  // so many are struck; -1 for all

    // what happens to them
    std::optional<bool> work;          // done or not; by default done unless the answer is replaced
    std::int64_t delay_before_ms = 0;  // the request takes effect so much later
    std::int64_t delay_ms = 0;         // the answer comes so much later
    Moment reset = Moment::never;      // TCP reset instead of an answer
    Moment hang = Moment::never;       // no answer, for hang_ms or until the faults are cleared
    std::int64_t hang_ms = 600'000;
    int status = 0;         // 0: the status the request would have got
    std::int64_t code = 0;  // Twilio's error code
    std::string message;
    std::optional<std::string> body;
    Form headers;
    std::int64_t truncate = -1;      // the connection closes behind so many bytes of the body
    std::int64_t huge_body = 0;      // the body is filled up with blanks to so many bytes
    std::int64_t drip = 0;           // bytes a second
    Part endless = Part::none;       // never stops coming
    std::optional<std::string> raw;  // sent as it is, no HTTP

    // kept by Faults
    std::int64_t id = 0, seen = 0, struck = 0;

    bool replaces_answer() const { return status != 0 || code != 0 || body || raw; }
    bool does_work() const;
};

class Faults {
public:
    /// Takes one fault or a list of them; throws std::invalid_argument that names what it does not
    /// understand.
    Json add(const Json &wanted);
    /// The first fault in the order given that strikes this request.
    std::optional<Fault> strike(const std::string &method, const std::string &path,
                                const std::string &room_sid, const std::string &room_name);
    Json json() const;
    void clear();
    /// Changes with every clear(): hanging requests watch it.
    std::int64_t generation() const;

private:
    mutable std::mutex mutex_;
    std::vector<Fault> faults_;
    std::int64_t next_id_ = 1, generation_ = 0;
};

}  // namespace sim
