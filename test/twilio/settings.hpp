// Everything that can be switched while the simulator runs (GET and POST /sim/settings). Most of it is what
// Twilio's documentation leaves open, so that a client can be tried against every reading.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "json.hpp"

namespace sim {

struct Settings {
    // the account
    std::string account_sid = "AC00000000000000000000000000000001";
    std::string auth_token = "0123456789abcdef0123456789abcdef";
    std::string api_key_sid = "SK00000000000000000000000000000001";
    std::string api_key_secret = "simulator-api-key-secret";
    bool credentials_valid = true;  // false: every REST call is answered 401, 20003

    // requests
    bool strict = true;  // unknown names are an error and a violation; Twilio ignores them
    std::int64_t latency_ms = 0;
    bool rate_limits = true;
    std::int64_t reads_per_second = 80;
    std::int64_t writes_per_second = 20;
    std::int64_t retry_after_seconds = 0;  // 0: no Retry-After with a 429
    std::string error_format = "classic";  // or "problem": RFC 9457
    std::map<std::string, std::int64_t>
        status_of;         // HTTP status of a Twilio error code, where the default is not wanted
    std::string url_base;  // origin of the URLs in answers; empty: the request's own

    // rooms
    std::string room_type_default = "group";
    std::int64_t max_participants_default = 50;
    bool clamp_max_participants = false;  // true: more than the maximum becomes the maximum; false: 53107
    std::string media_region_default = "us1";
    std::int64_t max_rooms = 10000;                // 53119 beyond
    std::int64_t max_connected = 10000;            // 53206 beyond
    std::int64_t room_not_found_code = 20404;      // or 53106
    std::int64_t not_in_progress_code = 53112;     // completing a room that is over; or 53118
    std::int64_t missing_after_creation_ms = 0;    // so long a new room is 404 and in no list
    std::int64_t missing_after_completion_ms = 0;  // so long a room that ended is 404
    bool print_open_end = false;  // true: end_time and duration are printed for rooms in progress
    bool ad_hoc_rooms = false;    // Console: Client-side Room Creation
    std::string ad_hoc_status_callback;
    std::string default_status_callback;  // for REST rooms created without a StatusCallback

    // participants
    std::int64_t participant_not_found_code = 20404;  // or 53204
    bool remove_twice_is_fine = false;                // true: disconnecting a disconnected SID answers 202
    std::int64_t join_ended_code = 53118;       // connecting by the SID of a room that is over; or 53106
    std::int64_t late_disconnect_seconds = 90;  // how late Twilio sees that a crashed client has gone
    bool lost_shows_reconnecting = false;       // a crashed client has status reconnecting until then
    std::int64_t token_leeway_seconds = 0;
    bool token_expiry_disconnects = false;
    bool strict_jti = false;  // true: jti must be <API key SID>-<iat> and nothing more

    // status callbacks
    std::string callback_order = "in_order";  // or "shuffled", or "held" until POST /sim/callbacks/release
    std::int64_t callback_shuffle_ms = 300;   // shuffled: each waits a random time up to this
    std::int64_t callback_delay_ms = 0;
    std::int64_t callback_drop_percent = 0;
    std::int64_t callback_duplicate_percent = 0;
    std::string callback_drop_events;           // comma list of events that are never sent
    std::string callback_signed_url = "as_is";  // or "without_port", or "with_port" (a default port is added)
    std::string callback_sequence = "counted";  // or "random"
    std::string callback_extra;                 // form-encoded parameters that every callback carries besides
    bool callback_room_type = true;             // RoomType is sent
    bool callback_underscores = false;          // room_created instead of room-created
    bool callback_redirects = false;            // redirects are followed

    std::int64_t ledger_limit = 100000;  // requests and callbacks kept; the oldest go first
};

/// Hands out consistent copies and takes changes, all or nothing.
class SettingsStore {
public:
    explicit SettingsStore(const Settings &initial)
        : initial_(initial), current_(std::make_shared<const Settings>(initial))
    {
    }

    std::shared_ptr<const Settings> get() const;
    /// What is wrong with the change, or an empty text when it has been made.
    std::string change(const Json &change);
    void reset();
    Json json() const;

private:
    mutable std::mutex mutex_;
    Settings initial_;
    std::shared_ptr<const Settings> current_;
};

}  // namespace sim
