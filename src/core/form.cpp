#include "core/form.hpp"

#include <algorithm>
#include <charconv>

#include "core/error.hpp"
#include "core/text.hpp"

namespace videoroom::core {
namespace {

// The byte of a %XX at text[at]; -1 if there is none.
int escaped_byte(std::string_view text, std::size_t at) noexcept
{
    const std::string_view digits = text.substr(at + 1, 2);
    unsigned byte = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    return digits.size() == 2 && read.ptr == digits.data() + 2 ? static_cast<int>(byte) : -1;
}

std::string unescape(std::string_view text)
{
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            const int byte = escaped_byte(text, i);
            if (byte < 0)
                throw InvalidInput("form body has a malformed %-escape");
            c = static_cast<char>(byte);
            i += 2;
        }
        result += c;
    }
    return result;
}

std::string decode(std::string_view text)
{
    const bool plain = std::none_of(text.begin(), text.end(), [](char c) { return c == '+' || c == '%'; });
    std::string result = plain ? std::string(text) : unescape(text);
    if (result.find('\0') != std::string::npos)
        throw InvalidInput("form body contains a NUL character");
    if (!valid_utf8(result))
        throw InvalidInput("form body is not valid UTF-8");
    return result;
}

constexpr bool unreserved(char c) noexcept
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

}  // namespace

Form decode_form(std::string_view body)
{
    Form form;
    while (!body.empty()) {
        const std::string_view pair = body.substr(0, body.find('&'));
        body.remove_prefix(std::min(body.size(), pair.size() + 1));
        if (pair.empty())
            continue;
        const std::size_t equals = pair.find('=');
        const bool has_value = equals != std::string_view::npos;
        form.emplace_back(decode(pair.substr(0, equals)),
                          has_value ? decode(pair.substr(equals + 1)) : std::string());
    }
    return form;
}

std::string encode_form(const Form &form)
{
    std::string body;
    for (const auto &[name, value] : form) {
        if (!body.empty())
            body += '&';
        body += url_encode(name) + '=' + url_encode(value);
    }
    return body;
}

std::string url_encode(std::string_view text)
{
    if (std::all_of(text.begin(), text.end(), unreserved))
        return std::string(text);
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    result.reserve(text.size());
    for (char c : text) {
        if (unreserved(c)) {
            result += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            result += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return result;
}

std::string fill_in(std::string_view text, std::string_view placeholder, std::string_view value)
{
    std::string result;
    for (auto at = text.find(placeholder); at != std::string_view::npos; at = text.find(placeholder)) {
        result.append(text.substr(0, at)).append(url_encode(value));
        text.remove_prefix(at + placeholder.size());
    }
    return result.append(text);
}

}  // namespace videoroom::core
