#include "api/link.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>

#include "core/access_token.hpp"
#include "core/link.hpp"
#include "pg/credentials.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"

namespace videoroom::api {
namespace {

// Without it all tokens of one second would have one id. It is unique rather than secret.
std::string make_nonce()
{
    std::array<char, 16 + 1> nonce;
    snprintf(nonce.data(), nonce.size(), "%016" PRIx64, pg_prng_uint64(&pg_global_prng_state));
    return nonce.data();
}

}  // namespace

void check_links_possible()
{
    if (*pg::settings::link_template == '\0')
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "videoroom.link_template is not set", "",
                          "Set videoroom.link_template, for example to "
                          "'https://app.example/room/{room_id}#token={token}', and reload.");
    pg::credentials();
}

Link make_link(const Seat &seat, const std::string &user_id)
{
    const core::Credentials &credentials = pg::credentials();
    core::AccessToken token;
    token.account_sid = credentials.account_sid;
    token.api_key_sid = credentials.api_key_sid;
    token.api_key_secret = credentials.api_key_secret;
    token.identity = user_id;
    token.room = *seat.room_sid;
    token.nonce = make_nonce();
    // A clock that is a little ahead of Twilio's, or of the client's, must not make it one of the future.
    token.issued_at = pg::to_core(GetCurrentTimestamp()) - 30 * core::second;
    // Twilio: a token lives 24 hours at most. It counts in whole seconds.
    core::Time expires_at = std::min(pg::to_core(seat.valid_until), token.issued_at + 24 * core::hour);
    token.expires_at = expires_at - expires_at % core::second;

    std::string encoded = core::encode(token);
    std::string url = core::expand_link(pg::settings::link_template, seat.room_id, *seat.room_sid, encoded);
    return {seat.room_id, *seat.room_sid, user_id, url, encoded, pg::to_server(token.expires_at)};
}

}  // namespace videoroom::api
