#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace videoroom::core {

using Form = std::vector<std::pair<std::string, std::string>>;

// An application/x-www-form-urlencoded body, in its order, '+' being a space. InvalidInput for a bad
// %-escape, a NUL, or what is not UTF-8.
Form decode_form(std::string_view body);

std::string encode_form(const Form &form);

// Everything but the unreserved characters of RFC 3986 becomes %XX: fit for a path segment, a query or a
// form.
std::string url_encode(std::string_view text);

// The text with each `placeholder` replaced by the value, URL-encoded.
std::string fill_in(std::string_view text, std::string_view placeholder, std::string_view value);

}  // namespace videoroom::core
