// How a join ended: counted, and logged as videoroom.log_joins has it.
#pragma once

#include <optional>
#include <string>

namespace videoroom::api {

enum class JoinOutcome {
    ok,
    refused,      // 4xx
    unavailable,  // 503
    failed,       // anything else
};

// No user: the claims named none. `reason`: the refusal's word or the error's SQLSTATE, for the log; no part
// of a link or token may be in it. Called before the join's error is raised.
void report_join(const std::string &room_id, const std::optional<std::string> &user_id, JoinOutcome outcome,
                 const char *reason = "");

}  // namespace videoroom::api
