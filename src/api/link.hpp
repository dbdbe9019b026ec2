// The link that lets one person into one session: made here, without asking Twilio.
#pragma once

#include <string>

#include "api/seat.hpp"

namespace videoroom::api {

struct Link {
    std::string room_id;
    std::string room_sid;
    std::string user_id;
    std::string url;
    std::string token;
    TimestampTz expires_at;
};

// Throws Failure 55000 unless links can be made at all: the template and the credentials are there.
void check_links_possible();

// The link to the seat's session.
Link make_link(const Seat &seat, const std::string &user_id);

}  // namespace videoroom::api
