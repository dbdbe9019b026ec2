// Access tokens: identity, room and secret, a line each. Whoever reads a token finds what was put in, and
// only the secret signs it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "core/access_token.hpp"
#include "core/crypto.hpp"
#include "core/error.hpp"
#include "core/json.hpp"
#include "core/text.hpp"

using namespace videoroom::core;

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string decode(std::string_view text)
{
    std::string bytes;
    unsigned bits = 0;
    int count = 0;
    for (char c : text) {
        const auto digit = alphabet.find(c);
        check(digit != std::string_view::npos);
        bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xFFFF;
        count += 6;
        if (count >= 8)
            bytes += static_cast<char>(bits >> (count -= 8));
    }
    return bytes;
}

void check_token(const AccessToken &token)
{
    const std::string text = encode(token);
    const auto first = text.find('.');
    const auto second_dot = text.find('.', first + 1);
    check(second_dot != std::string::npos && text.find('.', second_dot + 1) == std::string::npos);

    const Json header = Json::parse(decode(text.substr(0, first)));
    check(header.string("alg") == "HS256" && header.string("cty") == "twilio-fpa;v=1");
    const Json payload = Json::parse(decode(text.substr(first + 1, second_dot - first - 1)));
    check(payload.string("iss") == token.api_key_sid && payload.string("sub") == token.account_sid);
    check(payload.integer("exp") == token.expires_at / second);
    const Json grants = payload.get("grants").value();
    check(grants.string("identity") == token.identity);
    check(grants.get("video").value().string("room").value_or("") == token.room);

    const std::string_view is_signed = std::string_view(text).substr(0, second_dot);
    check(decode(text.substr(second_dot + 1)) == hmac_sha256(token.api_key_secret, is_signed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view input(reinterpret_cast<const char *>(data), size);
    AccessToken token;
    token.account_sid = "AC0123456789abcdef0123456789abcdef";
    token.api_key_sid = "SK0123456789abcdef0123456789abcdef";
    token.identity = take_line(input);
    token.room = take_line(input);
    token.api_key_secret = input;
    token.issued_at = 1'700'000'000 * second;
    token.expires_at = 1'700'003'600 * second;
    const std::string text = token.identity + token.room;
    const bool can_be =
        valid_utf8(token.identity) && valid_utf8(token.room) && text.find('\0') == std::string::npos;
    try {
        check_token(token);
        check(can_be);
    } catch (const InvalidInput &) {
        check(!can_be);
    }
    return 0;
}
