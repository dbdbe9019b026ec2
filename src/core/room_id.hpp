#pragma once

#include <span>
#include <string>
#include <string_view>

namespace videoroom::core {

// Where a booking belongs: the first 12 bits of SHA-256 of its id, 0 to 4095.
int slot(std::string_view booking_id);

// 3 lower-case hex digits, the slot, then 22 random letters and digits: unguessable, and fit for a URL and
// for Twilio's UniqueName. `random` must come from a cryptographic source.
std::string make_room_id(std::string_view booking_id, std::span<const unsigned char, 32> random);

// Does it look like one of ours?
bool is_room_id(std::string_view text) noexcept;

// The slot that a room_id carries; -1 if it is none.
int room_slot(std::string_view room_id) noexcept;

}  // namespace videoroom::core
