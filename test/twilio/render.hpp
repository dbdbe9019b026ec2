// Rooms and participants as Twilio prints them, all members of the OpenAPI file included.
#pragma once

#include "error.hpp"
#include "room.hpp"

namespace sim {

Json render(const Room &room, const Settings &settings, const std::string &base, Time now);
Json render(const Participant &participant, const Settings &settings, const std::string &base);
/// What Anonymize answers: no links, and its own URL.
Json render_anonymized(const Participant &participant, const Settings &settings, const std::string &base);

/// Where a list stands: `url` is path and query without paging, page the number of this page.
struct PageUrls {
    std::string base, path, key, last_sid;
    Form filters;
    std::int64_t page = 0, page_size = 50;
    bool more = false;
    std::string token;  // this page's own PageToken
};

/// Twilio: meta {page, page_size, first_page_url, previous_page_url, url, next_page_url, key}.
Json render_meta(const PageUrls &urls);

}  // namespace sim
