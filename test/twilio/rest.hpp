// The Rooms and Participants resources of https://video.twilio.com/v1: one request in, one reply out. Knows
// no sockets.
#pragma once

#include <string>
#include <vector>

#include "world.hpp"

namespace sim {

/// A request as it came, after authentication.
struct Call {
    std::string method, path;  // path without its query, still percent-encoded
    std::string query, body, content_type;
    bool unread_body = false;  // a GET came with a body, which nobody reads
    std::string base;          // origin for the URLs in the answer
    std::vector<std::string> violations;
    Form form, parameters;  // decoded body and query, for the ledger
};

struct Reply {
    int status = 200;
    std::string body;
    Form headers;
    std::int64_t code = 0;  // Twilio's error code, 0 for none
    std::string content_type = "application/json";
};

/// Refuses a call that breaks Twilio's description of the API, and keeps count of it.
[[noreturn]] void violate(Call &call, std::int64_t code, const std::string &message);

class Rest {
public:
    Rest(World &world, const SettingsStore &settings, const Clock &clock)
        : world_(world), settings_(settings), clock_(clock)
    {
    }

    /// Never throws for what a client did wrong: that is a reply, and perhaps violations in the call.
    Reply handle(Call &call) const;
    Reply refuse(const ApiError &error) const;

private:
    Reply route(Call &call, const Settings &settings) const;
    Reply create_room(Call &call, const Settings &settings) const;
    Reply update_room(Call &call, const Settings &settings, const std::string &room) const;
    Reply list_rooms(Call &call, const Settings &settings) const;
    Reply list_participants(Call &call, const Settings &settings, const std::string &room) const;
    Reply update_participant(Call &call, const Settings &settings, const std::string &room,
                             const std::string &id) const;
    Reply answer(int status, const Room &room, const Settings &settings, const Call &call) const;

    World &world_;
    const SettingsStore &settings_;
    const Clock &clock_;
};

}  // namespace sim
