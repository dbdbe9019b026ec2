#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace videoroom::core {

// An absolute http or https URL, taken apart. Only what RFC 3986 allows to be written passes, and braces; no
// user.
struct Url {
    std::string scheme;  // lower case
    std::string host;    // lower case, an IPv6 address with its brackets
    int port = 0;        // the scheme's own where none is written
    std::string path;    // and query; "" or beginning with / or ?
    std::optional<std::string> fragment;

    std::string origin() const;  // the port only where it is not the scheme's
    bool is_loopback() const;    // localhost, 127.x.x.x, [::1]
};

std::optional<Url> parse_url(std::string_view text);

// Where Twilio's API is: https, or http on loopback; no user info, path, query, fragment. Gives the origin,
// without a trailing slash. Else InvalidInput.
std::string check_api_url(std::string_view url);

// A proxy on the way to it, or none: of the same form, http anywhere.
void check_proxy(std::string_view url);

// Where Twilio sends its status callbacks: http or https, and written in the one form in which whoever signs
// it writes it (Webhooks security; twilio-node 6.2). After the host it may have {database}, and a fragment
// with Twilio's connection overrides; expanded it stays below Twilio's 1024 characters (error 53111).
void check_callback_url(std::string_view url);

// The callback URL of one database: {database} becomes its name, URL-encoded.
std::string expand_callback_url(std::string_view url, std::string_view database);

// Twilio: a callback that is answered with an error or not at all is lost, unless the URL's fragment asks for
// retries (Webhooks connection overrides). Appends '#rc=5&rp=all' where the URL has no fragment.
std::string with_retry_policy(std::string_view url);

// The URL, with its scheme and host in lower case and no fragment, without a port and with its port, be it
// the scheme's own; nullopt if it is none or names a user.
std::optional<std::array<std::string, 2>> port_forms(std::string_view url);

// May a page that Twilio's answer points to be asked for with our credentials?
bool same_origin(std::string_view page_url, std::string_view api_url);

}  // namespace videoroom::core
