#include "core/url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <set>
#include <vector>

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

// The pieces between the separators: one more than there are of these.
std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> pieces;
    for (;;) {
        const auto end = text.find(separator);
        pieces.push_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return pieces;
        text.remove_prefix(end + 1);
    }
}

bool is_unreserved(std::string_view text)
{
    return url_encode(text) == text;
}

// A last label that begins with a digit would make it an IPv4 address.
bool is_dns_name(std::string_view host)
{
    const auto labels = split(host, '.');
    const auto empty = [](std::string_view label) { return label.empty(); };
    return std::none_of(labels.begin(), labels.end(), empty) && labels.back()[0] >= 'a' &&
           labels.back()[0] <= 'z';
}

bool is_normal_path(std::string_view path)
{
    const auto segments = split(path, '/');
    return segments.front().empty() && segments.size() > 1 &&
           std::all_of(segments.begin(), segments.end(), [](std::string_view segment) {
               return is_unreserved(segment) && segment != "." && segment != "..";
           });
}

// Pairs name=value: some of Twilio's back ends, says its helper library, sign a query as Node's querystring
// writes it again, with an '=' for each name, a name's values side by side, and names that are numbers first.
bool is_normal_query(std::string_view query)
{
    std::set<std::string_view> names;
    for (std::string_view pair : split(query, '&')) {
        const auto parts = split(pair, '=');
        const std::string_view name = parts.front();
        if (parts.size() != 2 || name.empty() || (name[0] >= '0' && name[0] <= '9') || !is_unreserved(name) ||
            !is_unreserved(parts.back()) || !names.insert(name).second)
            return false;
    }
    return true;
}

// Twilio's connection overrides, such as rc=5&rp=4xx,5xx.
bool is_override(std::string fragment)
{
    std::erase_if(fragment, [](char c) { return c == '=' || c == '&' || c == ','; });
    return is_unreserved(fragment);
}

}  // namespace

std::string Url::origin() const
{
    const std::string base = scheme + "://" + host;
    return port == scheme_port(scheme) ? base : base + ':' + std::to_string(port);
}

bool Url::is_loopback() const
{
    in_addr address;
    const bool ipv4 = host.starts_with("127.") && inet_pton(AF_INET, host.c_str(), &address) == 1;
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
    const std::string_view authority = text.substr(0, end);
    url.path = text.substr(end);

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
    if (!url || url->fragment || (!url->path.empty() && url->path != "/"))
        throw InvalidInput("API URL must be of the form https://host or https://host:port");
    if (url->scheme != "https" && !url->is_loopback())
        throw InvalidInput("API URL must begin with https://", "Plain http is allowed for loopback only.");
    return url->origin();
}

void check_proxy(std::string_view text)
{
    const auto url = parse_url(text);
    // Without a port curl would take one of its own.
    const bool has_port = url && text.find(':', text.rfind(']') == std::string_view::npos
                                                    ? url->scheme.size() + 3
                                                    : text.rfind(']')) != std::string_view::npos;
    if (!text.empty() && (!has_port || url->fragment || (!url->path.empty() && url->path != "/")))
        throw InvalidInput("proxy must be of the form http://host:port or https://host:port", "",
                           "Its user and password are in the credentials file: proxy_user, proxy_password.");
}

void check_callback_url(std::string_view text)
{
    // The longest name of a database, each of its bytes written as three characters.
    const std::string longest(std::size_t{3} * 63, 'x');
    const auto url = parse_url(text);
    const std::string target = url ? expand_callback_url(url->path, longest) : "";
    const auto question = target.find('?');
    if (!url || url->origin() + url->path != text.substr(0, text.find('#')) ||
        !(is_dns_name(url->host) || url->is_loopback()) || !is_normal_path(target.substr(0, question)) ||
        !(question == std::string::npos || is_normal_query(target.substr(question + 1))) ||
        !is_override(url->fragment.value_or("")))
        throw InvalidInput(
            "callback URL must be in its normal form", "",
            "That is https://host/path?name=value#override, or http. The host is a DNS name in lower case, "
            "or loopback; a port only if it is not the scheme's own. No user, and no segment \".\" or "
            "\"..\". Letters, digits and -._~ make up path and query, where no name comes twice or begins "
            "with a digit. {database} is the one placeholder.");
    if (with_retry_policy(expand_callback_url(text, longest)).size() >= 1024)
        throw InvalidInput(
            "callback URL must be shorter than 1024 characters", "",
            "The name of the database counts with 189, and the override that is added with 12.");
}

std::string expand_callback_url(std::string_view url, std::string_view database)
{
    return fill_in(url, "{database}", database);
}

std::string with_retry_policy(std::string_view url)
{
    std::string result(url);
    if (url.find('#') == std::string_view::npos)
        result += "#rc=5&rp=all";
    return result;
}

std::optional<std::array<std::string, 2>> port_forms(std::string_view text)
{
    const auto url = parse_url(text);
    if (!url)
        return std::nullopt;
    const std::string host = url->scheme + "://" + url->host;
    return {{host + url->path, host + ':' + std::to_string(url->port) + url->path}};
}

bool same_origin(std::string_view page_url, std::string_view api_url)
{
    const auto page = parse_url(page_url);
    const auto api = parse_url(api_url);
    return page && api && !page->fragment && page->origin() == api->origin();
}

}  // namespace videoroom::core
