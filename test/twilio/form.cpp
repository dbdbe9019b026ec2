#include "form.hpp"

#include <algorithm>
#include <cctype>

namespace sim {

namespace {

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool unreserved(unsigned char c)
{
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
}

// how many bytes the character that starts with this one has, 0 for none
int sequence_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

}  // namespace

bool valid_utf8(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        auto lead = static_cast<unsigned char>(text[i]);
        int length = sequence_length(lead);
        if (length == 0 || i + static_cast<std::size_t>(length) > text.size())
            return false;
        for (int k = 1; k < length; ++k) {
            auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
            if ((next & 0xC0) != 0x80)
                return false;
            bool overlong = k == 1 && ((lead == 0xE0 && next < 0xA0) || (lead == 0xF0 && next < 0x90));
            bool beyond = k == 1 && ((lead == 0xED && next > 0x9F) || (lead == 0xF4 && next > 0x8F));
            if (overlong || beyond)
                return false;
        }
        i += static_cast<std::size_t>(length);
    }
    return true;
}

std::optional<std::string> url_decode(std::string_view text, bool plus_is_space)
{
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            plain += ' ';
        } else if (text[i] == '%') {
            int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0)
                return std::nullopt;
            plain += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            plain += text[i];
        }
    }
    if (plain.find('\0') != std::string::npos || !valid_utf8(plain))
        return std::nullopt;
    return plain;
}

std::string url_encode(std::string_view text)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (unreserved(byte)) {
            encoded += c;
        } else {
            encoded += '%';
            encoded += digits[byte >> 4];
            encoded += digits[byte & 15];
        }
    }
    return encoded;
}

std::optional<Form> decode_form(std::string_view text)
{
    Form form;
    while (!text.empty()) {
        std::size_t end = std::min(text.find('&'), text.size());
        std::string_view pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (pair.empty())
            continue;
        std::size_t equals = std::min(pair.find('='), pair.size());
        auto name = url_decode(pair.substr(0, equals), true);
        auto value = url_decode(equals < pair.size() ? pair.substr(equals + 1) : std::string_view(), true);
        if (!name || !value)
            return std::nullopt;
        form.emplace_back(std::move(*name), std::move(*value));
    }
    return form;
}

std::string encode_form(const Form &form)
{
    std::string text;
    for (const auto &[name, value] : form)
        text += (text.empty() ? "" : "&") + url_encode(name) + "=" + url_encode(value);
    return text;
}

std::optional<std::string> value_of(const Form &form, std::string_view name)
{
    for (auto pair = form.rbegin(); pair != form.rend(); ++pair)
        if (pair->first == name)
            return pair->second;
    return std::nullopt;
}

std::string Url::origin() const
{
    return scheme + "://" + host + (port.empty() ? "" : ":" + port);
}

std::optional<Url> parse_url(std::string_view text)
{
    bool blank = std::any_of(text.begin(), text.end(),
                             [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
    Url url;
    std::size_t colon = text.find("://");
    if (blank || colon == std::string_view::npos)
        return std::nullopt;
    url.scheme = std::string(text.substr(0, colon));
    if (url.scheme != "http" && url.scheme != "https")
        return std::nullopt;
    text.remove_prefix(colon + 3);
    if (std::size_t hash = text.find('#'); hash != std::string_view::npos) {
        url.fragment = std::string(text.substr(hash + 1));
        text = text.substr(0, hash);
    }
    std::size_t authority_end = std::min(text.find_first_of("/?"), text.size());
    std::string_view authority = text.substr(0, authority_end);
    url.target = std::string(text.substr(authority_end));
    if (std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
        url.user_info = std::string(authority.substr(0, at));
        authority.remove_prefix(at + 1);
    }
    std::size_t host_end = authority.starts_with('[') ? authority.find(']') : std::size_t{0};
    if (host_end == std::string_view::npos)
        return std::nullopt;
    std::size_t port_colon = authority.find(':', host_end);
    url.host = std::string(authority.substr(0, std::min(port_colon, authority.size())));
    if (port_colon != std::string_view::npos)
        url.port = std::string(authority.substr(port_colon + 1));
    bool port_is_number =
        std::all_of(url.port.begin(), url.port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (url.host.empty() || !port_is_number || url.port.size() > 5)
        return std::nullopt;
    return url;
}

}  // namespace sim
