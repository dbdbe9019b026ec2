#include "core/whatwg_url.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/form.hpp"
#include "core/ip_address.hpp"
#include "core/text.hpp"

namespace videoroom::core {
namespace {

constexpr std::string_view query_set = " \"#<>'";
// As Node 20 has it; later ones encode '^' as well.
constexpr std::string_view path_set = " \"#<>?`{}";
constexpr std::string_view user_info_set = " \"#<>?^`{}/:;=@[\\]|";
constexpr std::string_view forbidden_in_host = " #/:<>?@[\\]^|%";

bool is_slash(char c) noexcept
{
    return c == '/' || c == '\\';
}

char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string to_lower(std::string_view text)
{
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

// %-encodes controls, what is not ASCII, and `set`; escapes that are there already stay as they are.
std::string encode(std::string_view text, std::string_view set)
{
    std::string result;
    for (char c : text) {
        const bool plain = c > 0x1F && c < 0x7F && set.find(c) == std::string_view::npos;
        result += plain ? std::string(1, c) : url_encode({&c, 1});
    }
    return result;
}

// What the URL class drops before it looks at anything.
std::string trim(std::string_view url)
{
    const auto dropped = [](char c) { return c >= 0 && c <= 0x20; };
    while (!url.empty() && dropped(url.front()))
        url.remove_prefix(1);
    while (!url.empty() && dropped(url.back()))
        url.remove_suffix(1);
    std::string result = replace_malformed(url);
    std::erase_if(result, [](char c) { return c == '\t' || c == '\n' || c == '\r'; });
    return result;
}

std::optional<std::string> normal_host(std::string_view host)
{
    if (host.starts_with('[')) {
        if (!host.ends_with(']'))
            return std::nullopt;
        const auto address = normal_ipv6(host.substr(1, host.size() - 2));
        return address ? std::optional('[' + *address + ']') : std::nullopt;
    }
    const std::string name = to_lower(percent_decode_leniently(host));
    if (name.empty())
        return std::nullopt;
    for (char c : name)
        if (c <= 0x20 || c >= 0x7F || forbidden_in_host.find(c) != std::string_view::npos)
            return std::nullopt;
    return ends_in_number(name) ? normal_ipv4(name) : name;
}

// ":443" and the like, or nothing; "" where it is the scheme's own.
std::optional<std::string> normal_port(std::string_view port, bool https)
{
    std::uint32_t number = 0;
    for (char c : port) {
        if (c < '0' || c > '9')
            return std::nullopt;
        number = number * 10 + static_cast<std::uint32_t>(c - '0');
        if (number > 65535)
            return std::nullopt;
    }
    if (port.empty() || number == (https ? 443U : 80U))
        return "";
    return ':' + std::to_string(number);
}

std::optional<std::string> normal_authority(std::string_view authority, bool https)
{
    std::string user_info;
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
        const std::string_view both = authority.substr(0, at);
        const auto colon = both.find(':');
        const std::string password =
            colon == std::string_view::npos ? "" : encode(both.substr(colon + 1), user_info_set);
        user_info = encode(both.substr(0, colon), user_info_set) + (password.empty() ? "" : ':' + password);
        if (!user_info.empty())
            user_info += '@';
        authority.remove_prefix(at + 1);
    }
    const auto bracket = authority.find(']');
    const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
    const auto host = normal_host(authority.substr(0, colon));
    const auto port = normal_port(
        colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1), https);
    if (!host || !port)
        return std::nullopt;
    return user_info + *host + *port;
}

std::string normal_path(std::string_view path)
{
    std::vector<std::string> segments;
    if (!path.empty() && is_slash(path.front()))
        path.remove_prefix(1);
    for (bool last = false; !last;) {
        const auto end = std::find_if(path.begin(), path.end(), is_slash);
        last = end == path.end();
        const std::string_view segment = path.substr(0, static_cast<std::size_t>(end - path.begin()));
        std::string dots = to_lower(segment);
        for (auto at = dots.find("%2e"); at != std::string::npos; at = dots.find("%2e"))
            dots.replace(at, 3, ".");
        if (dots == ".." && !segments.empty())
            segments.pop_back();
        if (dots != "." && dots != "..")
            segments.push_back(encode(segment, path_set));
        else if (last)
            segments.emplace_back();
        path.remove_prefix(last ? path.size() : segment.size() + 1);
    }
    std::string result;
    for (const std::string &segment : segments)
        result += '/' + segment;
    return result;
}

}  // namespace

std::optional<std::string> normalise_url(std::string_view url)
{
    const std::string trimmed = trim(url);
    std::string_view rest = trimmed;
    const auto colon = rest.find(':');
    const std::string scheme = to_lower(rest.substr(0, colon));
    if (colon == std::string_view::npos || (scheme != "http" && scheme != "https"))
        return std::nullopt;
    rest.remove_prefix(colon + 1);
    while (!rest.empty() && is_slash(rest.front()))
        rest.remove_prefix(1);
    rest = rest.substr(0, rest.find('#'));

    const auto authority = normal_authority(rest.substr(0, rest.find_first_of("/\\?")), scheme == "https");
    if (!authority)
        return std::nullopt;
    rest.remove_prefix(std::min(rest.size(), rest.find_first_of("/\\?")));
    const auto question = rest.find('?');
    std::string result = scheme + "://" + *authority + normal_path(rest.substr(0, question));
    if (question != std::string_view::npos)
        result += '?' + encode(rest.substr(question + 1), query_set);
    return result;
}

}  // namespace videoroom::core
