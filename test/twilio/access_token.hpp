// A client's access token, judged as Twilio judges it when somebody connects.
#pragma once

#include "error.hpp"
#include "time.hpp"

namespace sim {

struct TokenClaims {
    std::string identity;
    std::optional<std::string> room;  // the room grant; nothing: any room
    Time expires_at = 0;
};

/// Throws ApiError 20101 to 20107, 20157 for a token that Twilio would refuse.
TokenClaims verify_token(std::string_view token, const Settings &settings, Time now);

}  // namespace sim
