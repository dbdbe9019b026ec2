#include "access_token.hpp"

#include <openssl/crypto.h>

#include "crypto.hpp"

namespace sim {

namespace {

constexpr std::int64_t longest_life = 86400;  // Twilio: a token lives 24 hours at most

Json decoded(std::string_view part)
{
    auto text = base64url_decode(part);
    auto json = text ? Json::parse(*text) : std::nullopt;
    if (!json || !json->is_object())
        throw ApiError(20101, "Invalid Access Token");
    return *json;
}

void check_signature(std::string_view signed_part, std::string_view signature, const std::string &secret)
{
    std::string expected = hmac_sha256(secret, signed_part);
    std::string given = base64url_decode(signature).value_or("");
    if (given.size() != expected.size() || CRYPTO_memcmp(given.data(), expected.data(), expected.size()) != 0)
        throw ApiError(20107, "Invalid Access Token signature");
}

void check_times(const Json &payload, const Settings &settings, Time now)
{
    std::int64_t seconds = now / second, leeway = settings.token_leeway_seconds;
    if (!payload.get("exp").is_integer() || !payload.get("iat").is_integer())
        throw ApiError(20101, "Invalid Access Token");
    std::int64_t expires = payload.get("exp").integer(), issued = payload.get("iat").integer();
    if (expires + leeway <= seconds)
        throw ApiError(20104, "Access Token expired or expiration date invalid");
    if (expires - issued > longest_life || expires <= issued)
        throw ApiError(20157, "Expiration Time in the Access Token Exceeds Maximum Time Allowed");
    std::int64_t valid_from = payload.has("nbf") ? payload.get("nbf").integer() : issued;
    if (valid_from - leeway > seconds)
        throw ApiError(20105, "Access Token not yet valid");
}

}  // namespace

TokenClaims verify_token(std::string_view token, const Settings &settings, Time now)
{
    std::size_t first = token.find('.'), last = token.rfind('.');
    if (first == std::string_view::npos || first == last || token.find('.', first + 1) != last)
        throw ApiError(20101, "Invalid Access Token");
    Json header = decoded(token.substr(0, first));
    if (header.get("alg").text() != "HS256" || header.get("typ").text() != "JWT" ||
        header.get("cty").text() != "twilio-fpa;v=1")
        throw ApiError(20102, "Invalid Access Token header");
    Json payload = decoded(token.substr(first + 1, last - first - 1));
    if (payload.get("iss").text() != settings.api_key_sid ||
        payload.get("sub").text() != settings.account_sid)
        throw ApiError(20103, "Invalid Access Token issuer/subject");
    check_signature(token.substr(0, last), token.substr(last + 1), settings.api_key_secret);
    check_times(payload, settings, now);
    std::string plain_jti = settings.api_key_sid + "-" + std::to_string(payload.get("iat").integer());
    std::string jti = payload.get("jti").text();
    if (settings.strict_jti ? jti != plain_jti : !jti.starts_with(plain_jti))
        throw ApiError(20101, "Invalid Access Token");
    Json grants = payload.get("grants"), video = grants.get("video");
    if (!grants.get("identity").is_string() || !video.is_object() ||
        (video.has("room") && !video.get("room").is_string()))
        throw ApiError(20106, "Invalid Access Token grants");
    TokenClaims claims{grants.get("identity").text(), std::nullopt, payload.get("exp").integer() * second};
    if (video.has("room"))
        claims.room = video.get("room").text();
    return claims;
}

}  // namespace sim
