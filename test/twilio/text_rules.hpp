// Twilio's rules for SIDs, names and identities.
#pragma once

#include <string_view>

namespace sim {

/// A two-letter prefix and 32 hex digits of either case.
bool is_sid(std::string_view prefix, std::string_view text);

/// Twilio: 128 characters, double-byte characters counting as two.
bool too_long(std::string_view text);

bool has_control_character(std::string_view text);

/// Throws 53200 (empty or control characters), 53201 (too long), 53202 (not UTF-8).
void check_identity(std::string_view identity);

/// Throws 53100 (empty, control characters, or shaped like a room SID), 53101 (too long), 53102 (not UTF-8).
void check_room_name(std::string_view name);

}  // namespace sim
