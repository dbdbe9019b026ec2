#include "core/link.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/form.hpp"
#include "core/url.hpp"

namespace videoroom::core {
namespace {

constexpr std::string_view token_placeholder = "{token}";
constexpr std::array<std::string_view, 3> placeholders = {token_placeholder, "{room_id}", "{room_sid}"};

// The placeholder that text begins with; placeholders.size() if it begins with none.
std::size_t placeholder_at(std::string_view text)
{
    const auto found = std::find_if(placeholders.begin(), placeholders.end(),
                                    [&](std::string_view name) { return text.starts_with(name); });
    return static_cast<std::size_t>(found - placeholders.begin());
}

}  // namespace

void check_link_template(std::string_view link_template)
{
    const auto url = parse_url(link_template);
    if (!url || !url->user_info.empty())
        throw InvalidInput("link template must be an absolute https URL",
                           "For example: https://app.example/room/{room_id}#token={token}");
    if (url->scheme != "https" && !url->is_loopback())
        throw InvalidInput("link template must begin with https://",
                           "Plain http is allowed for loopback only.");
    for (std::string_view rest = link_template;;) {
        const auto brace = rest.find_first_of("{}");
        if (brace == std::string_view::npos)
            break;
        rest.remove_prefix(brace);
        const std::size_t which = placeholder_at(rest);
        if (which == placeholders.size())
            throw InvalidInput("link template contains an unknown placeholder",
                               "Known are {token}, {room_id} and {room_sid}.");
        rest.remove_prefix(placeholders[which].size());
    }
    if (link_template.find(token_placeholder) == std::string_view::npos)
        throw InvalidInput("link template must contain {token}");
}

bool token_in_query(std::string_view link_template)
{
    return link_template.substr(0, link_template.find('#')).find(token_placeholder) != std::string_view::npos;
}

std::string expand_link(std::string_view link_template, std::string_view room_id, std::string_view room_sid,
                        std::string_view token)
{
    const std::array<std::string_view, 3> values = {token, room_id, room_sid};
    std::string link;
    for (;;) {
        const std::size_t brace = std::min(link_template.size(), link_template.find('{'));
        link += link_template.substr(0, brace);
        link_template.remove_prefix(brace);
        if (link_template.empty())
            return link;
        const std::size_t which = placeholder_at(link_template);
        const bool known = which < placeholders.size();
        link += known ? url_encode(values[which]) : "{";
        link_template.remove_prefix(known ? placeholders[which].size() : 1);
    }
}

}  // namespace videoroom::core
