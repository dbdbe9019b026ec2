#pragma once

#include <string>

#include "core/time.hpp"

namespace videoroom::core {

struct AccessToken {
    std::string account_sid;
    std::string api_key_sid;
    std::string api_key_secret;
    std::string identity;
    std::string room;   // RM sid: a token for a name could bring a finished room back to life
    std::string nonce;  // makes the token's id unique within one second; may be empty
    Time issued_at = 0;
    Time expires_at = 0;
};

// The signed JWT that a client hands to Twilio's SDK, byte for byte as Twilio's helper libraries write it.
// Twilio: HS256 with the API key's secret, at most 24 h (User identity and access tokens).
std::string encode(const AccessToken &token);

}  // namespace videoroom::core
