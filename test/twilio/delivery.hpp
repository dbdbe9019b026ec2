// One status callback on its way to the application: signed, sent, and sent again by Twilio's rules.
#pragma once

#include <functional>
#include <string>

#include "room.hpp"
#include "settings.hpp"

namespace sim {

/// Twilio's connection overrides, from the fragment of the URL.
struct RetryPolicy {
    std::int64_t connect_ms = 5000, read_ms = 15000, total_ms = 15000, retries = 1;
    bool on_4xx = false, on_5xx = false, on_connect = true, on_read = false;
};

/// ct, rt, tt, rc and rp; a value out of Twilio's range counts as not given.
RetryPolicy parse_policy(const std::string &fragment);

/// Twilio: HMAC-SHA1 with the auth token over the URL without its fragment and the sorted parameters.
std::string sign(const std::string &auth_token, const std::string &url, Form params);

struct Attempt {
    Time at = 0;        // real time
    long status = 0;    // 0: no answer
    std::string error;  // connect, read, partial answer, or empty
    std::string url;    // as signed
    std::string signature;
};

/// Sends until it is answered 2xx or the policy is exhausted; true for the former. `attempted` hears of each
/// try.
bool deliver(const Notice &notice, const Settings &settings, const std::string &idempotency_token,
             const std::function<void(const Attempt &)> &attempted);

}  // namespace sim
