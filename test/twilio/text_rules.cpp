#include "text_rules.hpp"

#include <algorithm>
#include <cctype>

#include "error.hpp"
#include "form.hpp"

namespace sim {

bool is_sid(std::string_view prefix, std::string_view text)
{
    return text.size() == prefix.size() + 32 && text.starts_with(prefix) &&
           std::all_of(text.begin() + static_cast<std::ptrdiff_t>(prefix.size()), text.end(),
                       [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; });
}

bool too_long(std::string_view text)
{
    std::size_t weight = 0;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xC0) != 0x80)
            weight += byte < 0x80 ? 1 : 2;
    }
    return weight > 128;
}

bool has_control_character(std::string_view text)
{
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check_identity(std::string_view identity)
{
    if (!valid_utf8(identity))
        throw ApiError(53202, "Participant identity contains invalid characters");
    if (identity.empty() || has_control_character(identity))
        throw ApiError(53200, "Participant identity is invalid");
    if (too_long(identity))
        throw ApiError(53201, "Participant identity is too long");
}

void check_room_name(std::string_view name)
{
    if (!valid_utf8(name))
        throw ApiError(53102, "Room name contains invalid characters");
    if (name.empty() || has_control_character(name) || is_sid("RM", name))
        throw ApiError(53100, "Room name is invalid");
    if (too_long(name))
        throw ApiError(53101, "Room name is too long");
}

}  // namespace sim
