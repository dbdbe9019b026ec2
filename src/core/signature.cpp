#include "core/signature.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "core/crypto.hpp"
#include "core/legacy_query.hpp"
#include "core/whatwg_url.hpp"

namespace videoroom::core {
namespace {

// UTF-16 puts what lies beyond U+FFFF, in UTF-8 the bytes F0 to F4, before U+E000 to U+FFFF, the bytes EE and
// EF; else the orders are the same.
unsigned rank(char c) noexcept
{
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0xEE || byte == 0xEF)
        return byte + 0x20U;
    return byte;
}

bool before(std::string_view left, std::string_view right)
{
    const auto [a, b] = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
    return b != right.end() && (a == left.end() || rank(*a) < rank(*b));
}

// A URL cut around its port: "https://user@host", ":8443", "/path?query".
struct Parts {
    std::string front;
    std::string port;
    std::string rest;
    bool https = false;
};

bool is_letter(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool in_scheme(char c) noexcept
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-';
}

bool is_https(std::string_view scheme) noexcept
{
    constexpr std::string_view name = "https";
    return std::equal(scheme.begin(), scheme.end(), name.begin(), name.end(),
                      [](char a, char b) { return (is_letter(a) ? a | 0x20 : a) == b; });
}

std::optional<Parts> split(std::string_view url)
{
    const auto separator = url.find("://");
    if (separator == std::string_view::npos || separator == 0 || !is_letter(url[0]) ||
        !std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(separator), in_scheme))
        return std::nullopt;
    const std::size_t begin = separator + 3;
    const std::size_t end = std::min(url.size(), url.find_first_of("/?#", begin));
    const std::string_view authority = url.substr(begin, end - begin);
    std::size_t host = authority.rfind('@');
    host = host == std::string_view::npos ? 0 : host + 1;
    const std::size_t bracket = authority.find_last_of(']');
    const std::size_t from = bracket == std::string_view::npos || bracket < host ? host : bracket;
    const std::size_t port = std::min(authority.size(), authority.find(':', from));

    Parts parts;
    parts.front = url.substr(0, begin + port);
    parts.port = authority.substr(port);
    parts.rest = url.substr(end);
    parts.https = is_https(url.substr(0, separator));
    return parts;
}

std::string without_port(const std::string &url)
{
    const auto parts = split(url);
    return parts ? parts->front + parts->rest : url;
}

std::string with_port(const std::string &url)
{
    const auto parts = split(url);
    if (!parts || !parts->port.empty())
        return url;
    return parts->front + (parts->https ? ":443" : ":80") + parts->rest;
}

std::string sign_text(std::string_view auth_token, const std::string &text)
{
    return base64(hmac_sha1(auth_token, text));
}

}  // namespace

std::string signed_text(const Form &form)
{
    using Parameter = std::pair<std::string_view, std::string_view>;
    std::vector<Parameter> parameters(form.begin(), form.end());
    std::sort(parameters.begin(), parameters.end(), [](const Parameter &left, const Parameter &right) {
        return left.first == right.first ? before(left.second, right.second)
                                         : before(left.first, right.first);
    });
    parameters.erase(std::unique(parameters.begin(), parameters.end()), parameters.end());
    std::string text;
    for (const auto &[name, value] : parameters)
        text.append(name).append(value);
    return text;
}

std::string sign(std::string_view auth_token, std::string_view url, const Form &form)
{
    return sign_text(auth_token, std::string(url) + signed_text(form));
}

bool signature_matches(std::string_view auth_token, std::string_view url, const Form &form,
                       std::string_view signature)
{
    if (auth_token.empty() || signature.empty())
        return false;
    const std::string parameters = signed_text(form);
    const auto matches = [&](const std::string &candidate) {
        return equal_constant_time(sign_text(auth_token, candidate + parameters), signature);
    };

    const std::string received(url.substr(0, url.find('#')));
    if (matches(without_port(received)) || matches(with_port(received)))
        return true;
    const auto normal = normalise_url(received);
    if (!normal)
        return false;
    const std::array<std::string, 2> forms = {without_port(*normal), with_port(*normal)};
    return matches(forms[0]) || matches(forms[1]) || matches(with_legacy_query(forms[0])) ||
           matches(with_legacy_query(forms[1]));
}

}  // namespace videoroom::core
