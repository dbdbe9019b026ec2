#include "core/access_token.hpp"

#include "core/crypto.hpp"
#include "core/json.hpp"

namespace videoroom::core {

std::string encode(const AccessToken &token)
{
    const std::int64_t issued = token.issued_at / second;
    std::string id = token.api_key_sid + '-' + std::to_string(issued);
    if (!token.nonce.empty())
        id += '-' + token.nonce;

    // Written out, since a tree of JSON values takes as long as all else a join does with its token.
    const std::string room = token.room.empty() ? "" : "\"room\":" + Json::quoted(token.room);
    const std::string payload =
        "{\"jti\":" + Json::quoted(id) + ",\"grants\":{\"identity\":" + Json::quoted(token.identity) +
        ",\"video\":{" + room + "}},\"iat\":" + std::to_string(issued) +
        ",\"exp\":" + std::to_string(token.expires_at / second) +
        ",\"iss\":" + Json::quoted(token.api_key_sid) + ",\"sub\":" + Json::quoted(token.account_sid) + "}";

    static const std::string header = base64_url(R"({"alg":"HS256","typ":"JWT","cty":"twilio-fpa;v=1"})");
    const std::string text = header + '.' + base64_url(payload);
    return text + '.' + base64_url(hmac_sha256(token.api_key_secret, text));
}

}  // namespace videoroom::core
