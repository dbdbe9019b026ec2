// Link templates and URLs: what passes the check can be expanded, and stays on its host.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "core/error.hpp"
#include "core/link.hpp"
#include "core/url.hpp"

using namespace videoroom::core;

namespace {

void check_link(std::string_view text)
{
    try {
        check_link_template(text);
    } catch (const InvalidInput &) {
        return;
    }
    const auto link = parse_url(expand_link(text, "/@#", "{token}", "a.b_c-d?"));
    const auto link_template = parse_url(text);
    check(link && link_template && link->origin() == link_template->origin());
    check(link->path.find_first_of("{}") == std::string::npos);
    const auto another = parse_url(expand_link(text, "/@#", "{token}", "another"));
    check(token_in_query(text) == (link->path != another->path));
}

void check_urls(std::string_view text)
{
    try {
        check(same_origin(check_api_url(text) + "/v1/Rooms?Page=1", text));
    } catch (const InvalidInput &) {
    }
    try {
        check_callback_url(text);
        const std::string url = with_retry_policy(expand_callback_url(text, "#/{database}"));
        check(url.size() < 1024 && url.find_first_of("{}") == std::string::npos);
        check(parse_url(url).value().fragment.has_value());
        const auto forms = port_forms(url).value();
        const std::string_view called(url.data(), url.find('#'));
        check(called == forms.front() || called == forms.back());
    } catch (const InvalidInput &) {
    }
    check(!same_origin(text, "https://video.twilio.com") || parse_url(text)->host == "video.twilio.com");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char *>(data), size);
    check_link(text);
    check_urls(text);
    return 0;
}
