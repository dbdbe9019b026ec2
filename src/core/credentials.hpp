#pragma once

#include <string>
#include <string_view>

namespace videoroom::core {

struct Credentials {
    std::string account_sid;
    std::string auth_token;            // verifies callbacks; never sent
    std::string auth_token_secondary;  // empty but while the tokens are rotated
    std::string api_key_sid;
    std::string api_key_secret;
    // Of a SharedKey, with which callbacks are signed where a Webhook Rule says so; empty where none does.
    std::string webhook_secret;
    std::string webhook_secret_secondary;
    std::string proxy_user;  // of videoroom.proxy; empty where it asks for none
    std::string proxy_password;

    bool operator==(const Credentials &) const = default;
};

// The content of the credentials file. InvalidInput names the key that is wrong and never shows a value.
Credentials parse_credentials(std::string_view json);

}  // namespace videoroom::core
