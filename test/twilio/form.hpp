// Form and query encoding, and the parts of a URL.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sim {

using Form = std::vector<std::pair<std::string, std::string>>;

bool valid_utf8(std::string_view text);

/// Percent-decoding; nothing for a broken escape, a NUL or bytes that are no UTF-8.
std::optional<std::string> url_decode(std::string_view text, bool plus_is_space);
/// Everything but RFC 3986's unreserved characters becomes %XX.
std::string url_encode(std::string_view text);

/// Nothing when any name or value does not decode.
std::optional<Form> decode_form(std::string_view text);
std::string encode_form(const Form &form);

/// The last value of a name, or nothing.
std::optional<std::string> value_of(const Form &form, std::string_view name);

struct Url {
    std::string scheme, user_info, host, port;  // host as in the URL, an IPv6 one with its brackets
    std::string target;                         // path and query as written
    std::string fragment;

    /// scheme://host:port, what a connection is made to
    std::string origin() const;
};

/// An absolute http or https URL with a host, without blanks or control characters.
std::optional<Url> parse_url(std::string_view text);

}  // namespace sim
