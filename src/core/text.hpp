#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace videoroom::core {

// One step through UTF-8: the code point at text[*position], with *position moved past it. A malformed
// sequence gives `malformed` and moves past its longest valid beginning, as the Unicode standard has it.
inline constexpr char32_t malformed = 0xFFFFFFFF;
char32_t next_code_point(std::string_view text, std::size_t *position) noexcept;

// C0, DEL and C1.
constexpr bool is_control(char32_t code_point) noexcept
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
}

bool valid_utf8(std::string_view text) noexcept;

// Text of somebody else's, fit to be stored and shown: malformed sequences become U+FFFD, control characters
// are dropped, and it is cut to max_bytes between two characters.
std::string make_valid_utf8(std::string_view text, std::size_t max_bytes);

// An id of ours: 1 to 128 bytes of UTF-8 without control characters, else InvalidInput naming `what`.
// Twilio: names and identities have at most 128 characters (errors 53101 and 53201), of any but
// malformed UTF-8 (53202).
void check_id(std::string_view what, std::string_view value);

}  // namespace videoroom::core
