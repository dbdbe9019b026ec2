#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.hpp"
#include "core/time.hpp"

namespace videoroom::core {

// One request of Twilio's Video API; what stands before the path, and the credentials, are the sender's.
struct Request {
    std::string method;  // GET or POST
    std::string path;    // begins with /v1/, query included
    std::string body;    // form-encoded; empty for GET
    bool write = false;  // counts against the quota for writes
};

// Twilio: the name is unique among rooms in progress, so asking again gives 53113 and never a second room
// (Rooms resource). Without callback_url Twilio reports nothing.
Request create_room(std::string_view room_id, const RoomOptions &options, std::string_view callback_url);
Request fetch_room(std::string_view sid_or_name);
Request complete_room(std::string_view sid_or_name);
Request list_rooms();  // those in progress

// status: connected, disconnected or reconnecting.
Request list_participants(std::string_view room_sid, std::string_view status);
Request remove_participant(std::string_view room_sid, std::string_view participant_sid_or_identity);
Request anonymize_participant(std::string_view room_sid, std::string_view participant_sid);

// Can a path name that participant? Whoever resolves paths takes . and .. for something else, and / and ? are
// refused there by Twilio's own client.
bool fits_path(std::string_view identity) noexcept;

struct Room {
    std::string sid;
    std::string unique_name;
    std::string account_sid;
    std::string status;  // in-progress, completed, failed
    std::optional<Time> date_created;
    std::optional<Time> date_updated;
    std::optional<Time> end_time;
    std::optional<std::int64_t> duration;
};

struct Participant {
    std::string sid;
    std::string room_sid;
    std::string identity;
    std::string status;  // connected, disconnected, reconnecting
    std::optional<Time> start_time;
    std::optional<Time> end_time;
    std::optional<std::int64_t> duration;
    std::optional<Time> date_created;
    std::optional<Time> date_updated;
};

template <typename Element>
struct Page {
    std::vector<Element> elements;
    std::string next_page_url;  // empty on the last page
};

// What Twilio answered; nullopt where it is not what the API describes: no sid of the right kind, a status it
// does not have, a wrong type. A page with one bad element is bad as a whole.
std::optional<Room> parse_room(std::string_view body);
std::optional<Participant> parse_participant(std::string_view body);
std::optional<Page<Room>> parse_rooms(std::string_view body);
std::optional<Page<Participant>> parse_participants(std::string_view body);

struct ApiError {
    long status = 0;
    int code = 0;  // 0: none given
    std::string message;
    std::string more_info;
};

// The body of an answer that is no success: Twilio's own kind, RFC 9457, or whatever a gateway wrote. Its
// text comes out as valid UTF-8, 500 bytes at most.
ApiError parse_error(long http_status, std::string_view body);

// Twilio: two letters for the kind and 32 hex digits.
bool is_sid(std::string_view prefix, std::string_view text) noexcept;

}  // namespace videoroom::core
