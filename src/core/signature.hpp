#pragma once

#include <string>
#include <string_view>

#include "core/form.hpp"

namespace videoroom::core {

// Is `signature`, the header X-Twilio-Signature, Twilio's for this POST? `url` is the public URL as it was
// given to Twilio; its #fragment does not count. Twilio: base64 of an HMAC of the URL and the sorted
// parameters (Webhooks security), keyed with the auth token and by SHA-1, or with the secret of a SharedKey
// and by SHA-1 or SHA-256 (Webhook configuration); the length of the signature tells which. It is not
// documented for Video whether the port is part of it, so the URL is taken without and with it, as Twilio's
// own helper library does (twilio-node 6.2). Constant time in the secret. An empty secret or signature never
// matches, nor does what is no URL.
bool signature_matches(std::string_view secret, std::string_view url, const Form &form,
                       std::string_view signature);

enum class Hash { sha1, sha256 };

// What Twilio sends for exactly this URL and form.
std::string sign(std::string_view secret, std::string_view url, const Form &form, Hash hash = Hash::sha1);

// The parameters as they are signed: names sorted as UTF-16, the values of one name sorted and each only
// once.
std::string signed_text(const Form &form);

}  // namespace videoroom::core
