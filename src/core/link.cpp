#include "core/link.hpp"

#include "core/error.hpp"
#include "core/form.hpp"
#include "core/url.hpp"

namespace videoroom::core {
namespace {

constexpr std::string_view token_placeholder = "{token}";

}  // namespace

void check_link_template(std::string_view link_template)
{
    const auto url = parse_url(link_template);
    if (!url)
        throw InvalidInput("link template must be an absolute https URL",
                           "For example: https://app.example/room/{room_id}#token={token}");
    if (url->scheme != "https" && !url->is_loopback())
        throw InvalidInput("link template must begin with https://",
                           "Plain http is allowed for loopback only.");
    // By what no name has: of nothing, what stands around a placeholder might become another one.
    if (expand_link(link_template, ".", ".", ".").find_first_of("{}") != std::string::npos)
        throw InvalidInput("link template contains an unknown placeholder",
                           "Known are {token}, {room_id} and {room_sid}.");
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
    const std::string link = fill_in(fill_in(link_template, "{room_id}", room_id), "{room_sid}", room_sid);
    return fill_in(link, token_placeholder, token);
}

}  // namespace videoroom::core
