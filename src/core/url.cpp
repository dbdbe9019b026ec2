#include "core/url.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/form.hpp"

namespace videoroom::core {
namespace {

bool writable(char c) noexcept
{
    constexpr std::string_view marks = "-._~:/?#[]@!$&'()*+,;=%{}";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
}

std::string to_lower(std::string_view text)
{
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return result;
}

bool good_host(std::string_view host) noexcept
{
    if (host.starts_with('['))
        return host.size() > 2 && host.find_first_not_of("0123456789abcdef:.", 1) == host.size() - 1 &&
               host.ends_with(']');
    return !host.empty() &&
           host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") == std::string_view::npos;
}

// Port 1 to 65535, or nullopt.
std::optional<int> port_number(std::string_view text)
{
    if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    const int port = std::stoi(std::string(text));
    return port >= 1 && port <= 65535 ? std::optional(port) : std::nullopt;
}

int scheme_port(std::string_view scheme) noexcept
{
    return scheme == "https" ? 443 : 80;
}

bool has_brace(std::string_view text) noexcept
{
    return text.find_first_of("{}") != std::string_view::npos;
}

}  // namespace

std::string Url::origin() const
{
    const std::string base = scheme + "://" + host;
    return port == scheme_port(scheme) ? base : base + ':' + std::to_string(port);
}

bool Url::is_loopback() const
{
    const bool ipv4 = host.starts_with("127.") && std::count(host.begin(), host.end(), '.') == 3 &&
                      host.find_first_not_of("0123456789.") == std::string::npos;
    return ipv4 || host == "localhost" || host == "[::1]";
}

std::optional<Url> parse_url(std::string_view text)
{
    const auto separator = text.find("://");
    if (separator == std::string_view::npos || !std::all_of(text.begin(), text.end(), writable))
        return std::nullopt;
    Url url;
    url.scheme = to_lower(text.substr(0, separator));
    if (url.scheme != "http" && url.scheme != "https")
        return std::nullopt;
    text.remove_prefix(separator + 3);

    if (const auto hash = text.find('#'); hash != std::string_view::npos) {
        url.fragment = std::string(text.substr(hash + 1));
        text = text.substr(0, hash);
    }
    const auto end = std::min(text.size(), text.find_first_of("/?"));
    std::string_view authority = text.substr(0, end);
    url.path = text.substr(end);
    url.has_query = url.path.find('?') != std::string::npos;

    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
        url.user_info = authority.substr(0, at);
        if (url.user_info.empty())
            return std::nullopt;
        authority.remove_prefix(at + 1);
    }
    const auto bracket = authority.rfind(']');
    const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
    url.host = to_lower(authority.substr(0, colon));
    const auto port = colon == std::string_view::npos ? std::optional(scheme_port(url.scheme))
                                                      : port_number(authority.substr(colon + 1));
    if (!port || !good_host(url.host))
        return std::nullopt;
    url.port = *port;
    return url;
}

std::string check_api_url(std::string_view text)
{
    const auto url = parse_url(text);
    if (!url || !url->user_info.empty() || url->fragment || (!url->path.empty() && url->path != "/"))
        throw InvalidInput("API URL must be of the form https://host or https://host:port");
    if (url->scheme != "https" && !url->is_loopback())
        throw InvalidInput("API URL must begin with https://", "Plain http is allowed for loopback only.");
    return url->origin();
}

void check_callback_url(std::string_view text)
{
    const auto url = parse_url(text);
    if (!url)
        throw InvalidInput("callback URL must be an absolute http or https URL");
    if (!url->user_info.empty())
        throw InvalidInput("callback URL must not contain a user name or password",
                           "Twilio signs the URL without them.");
    if (has_brace(expand_callback_url(url->path, "")) || has_brace(url->fragment.value_or("")))
        throw InvalidInput("callback URL may contain no placeholder but {database}");
}

std::string expand_callback_url(std::string_view url, std::string_view database)
{
    constexpr std::string_view placeholder = "{database}";
    std::string result;
    for (auto at = url.find(placeholder); at != std::string_view::npos; at = url.find(placeholder)) {
        result += url.substr(0, at);
        result += url_encode(database);
        url.remove_prefix(at + placeholder.size());
    }
    return result += url;
}

std::string with_retry_policy(std::string_view url)
{
    std::string result(url);
    if (url.find('#') == std::string_view::npos)
        result += "#rc=5&rp=all";
    return result;
}

bool same_origin(std::string_view page_url, std::string_view api_url)
{
    const auto page = parse_url(page_url);
    const auto api = parse_url(api_url);
    return page && api && page->user_info.empty() && !page->fragment && page->origin() == api->origin();
}

}  // namespace videoroom::core
