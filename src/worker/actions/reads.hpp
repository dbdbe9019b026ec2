// Reads that no row of the outbox need stand behind: which rooms are in progress, and who is or was in one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "worker/call.hpp"

namespace videoroom::worker {

// Lists the rooms in progress: its answers are about no single room, and the reconciler's.
Call read_rooms();

// Reads one session, and then its participants.
Call read_session(std::string_view room_id, std::string_view room_sid);

// Records who is there and, if a row asked for that, is done with it.
extern const Kind read_connected;

// What such a kind of a row's call is made of: records one page of a list of participants, and asks for the
// next; false if there is one.
bool is_participant_list(const Call &call, const std::string &body, std::optional<core::Room> &room);
bool record_participants(Recording &recording);

// The call for the next page of a list; nullopt after the last one, and, with a word in the log, where the
// page would lead away from api_url.
std::optional<Call> next_page(const Call &call, const std::string &next_page_url);

}  // namespace videoroom::worker
