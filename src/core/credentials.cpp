#include "core/credentials.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/video_api.hpp"

namespace videoroom::core {
namespace {

// Which member a key fills, and the letters a sid begins with; none for a secret.
struct Key {
    std::string_view name;
    std::string Credentials::*member;
    std::string_view sid_prefix;
    bool optional = false;
};

constexpr std::array<Key, 9> known_keys = {
    {{"account_sid", &Credentials::account_sid, "AC"},
     {"auth_token", &Credentials::auth_token, ""},
     {"auth_token_secondary", &Credentials::auth_token_secondary, "", true},
     {"api_key_sid", &Credentials::api_key_sid, "SK"},
     {"api_key_secret", &Credentials::api_key_secret, ""},
     {"webhook_secret", &Credentials::webhook_secret, "", true},
     {"webhook_secret_secondary", &Credentials::webhook_secret_secondary, "", true},
     {"proxy_user", &Credentials::proxy_user, "", true},
     {"proxy_password", &Credentials::proxy_password, "", true}}};

[[noreturn]] void refuse(const std::string &reason)
{
    throw InvalidInput(
        "invalid credentials", reason,
        "The file must be a JSON object with account_sid, auth_token, api_key_sid, api_key_secret and, where "
        "needed, auth_token_secondary, webhook_secret, webhook_secret_secondary, proxy_user and "
        "proxy_password.");
}

// Unknown keys are shown only if they cannot be a value that slipped into the wrong place.
void check_keys(const Json &object)
{
    for (const std::string &key : object.keys()) {
        const bool known = std::any_of(known_keys.begin(), known_keys.end(),
                                       [&](const Key &candidate) { return candidate.name == key; });
        const bool harmless =
            key.size() <= 24 && key.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos;
        if (!known)
            refuse(harmless ? "Key \"" + key + "\" is unknown." : "There is an unknown key.");
    }
}

std::string read(const Json &object, const Key &key)
{
    const std::string name(key.name);
    const auto member = object.get(key.name);
    if (!member && key.optional)
        return {};
    if (!member)
        refuse("Key \"" + name + "\" is missing.");
    const auto value = member->as_string();
    if (!value)
        refuse("Key \"" + name + "\" must be a string.");
    if (!key.sid_prefix.empty() && !is_sid(key.sid_prefix, *value))
        refuse("Key \"" + name + "\" must be " + std::string(key.sid_prefix) + " and 32 hexadecimal digits.");
    const bool printable =
        std::all_of(value->begin(), value->end(), [](char c) { return c > 0x20 && c < 0x7F; });
    if (value->empty() || !printable)
        refuse("Key \"" + name + "\" must be printable ASCII without spaces, and not empty.");
    return *value;
}

}  // namespace

Credentials parse_credentials(std::string_view json)
{
    Json object = Json::object();
    try {
        object = Json::parse(json);
    } catch (const InvalidInput &error) {
        refuse("It is not valid JSON: " + error.detail() + ".");
    }
    if (!object.is_object())
        refuse("It is no JSON object.");
    check_keys(object);
    Credentials credentials;
    for (const Key &key : known_keys)
        credentials.*key.member = read(object, key);
    return credentials;
}

}  // namespace videoroom::core
