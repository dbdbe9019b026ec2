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

    Json video = Json::object();
    if (!token.room.empty())
        video.set("room", token.room);
    Json grants = Json::object();
    grants.set("identity", token.identity);
    grants.set("video", video);

    Json payload = Json::object();
    payload.set("jti", id);
    payload.set("grants", grants);
    payload.set("iat", issued);
    payload.set("exp", token.expires_at / second);
    payload.set("iss", token.api_key_sid);
    payload.set("sub", token.account_sid);

    static const std::string header = base64_url(R"({"alg":"HS256","typ":"JWT","cty":"twilio-fpa;v=1"})");
    const std::string text = header + '.' + base64_url(payload.dump());
    return text + '.' + base64_url(hmac_sha256(token.api_key_secret, text));
}

}  // namespace videoroom::core
