#include "core/text.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace videoroom::core {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

// The range of the byte after `lead`, and how many bytes follow in all; 0 for what cannot begin a character.
// Unicode 15, table 3-7.
struct Following {
    int count;
    unsigned char low;
    unsigned char high;
};

constexpr Following following(unsigned char lead) noexcept
{
    if (lead >= 0xC2 && lead <= 0xDF)
        return {1, 0x80, 0xBF};
    if (lead >= 0xE0 && lead <= 0xEF)
        return {2, static_cast<unsigned char>(lead == 0xE0 ? 0xA0 : 0x80),
                static_cast<unsigned char>(lead == 0xED ? 0x9F : 0xBF)};
    if (lead >= 0xF0 && lead <= 0xF4)
        return {3, static_cast<unsigned char>(lead == 0xF0 ? 0x90 : 0x80),
                static_cast<unsigned char>(lead == 0xF4 ? 0x8F : 0xBF)};
    return {0, 0, 0};
}

}  // namespace

char32_t next_code_point(std::string_view text, std::size_t *position) noexcept
{
    const auto lead = static_cast<unsigned char>(text[(*position)++]);
    if (lead < 0x80)
        return lead;
    Following next = following(lead);
    if (next.count == 0)
        return malformed;
    char32_t code_point = lead & (0x3F >> next.count);
    for (; next.count > 0; --next.count) {
        if (*position == text.size())
            return malformed;
        const auto byte = static_cast<unsigned char>(text[*position]);
        if (byte < next.low || byte > next.high)
            return malformed;
        code_point = (code_point << 6) | (byte & 0x3F);
        ++*position;
        next.low = 0x80;
        next.high = 0xBF;
    }
    return code_point;
}

bool valid_utf8(std::string_view text) noexcept
{
    const auto first =
        std::find_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    for (auto at = static_cast<std::size_t>(first - text.begin()); at < text.size();)
        if (next_code_point(text, &at) == malformed)
            return false;
    return true;
}

std::string make_valid_utf8(std::string_view text, std::size_t max_bytes)
{
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        const char32_t code_point = next_code_point(text, &at);
        if (code_point != malformed && is_control(code_point))
            continue;
        const std::string_view piece = code_point == malformed ? replacement : text.substr(begin, at - begin);
        if (result.size() + piece.size() > max_bytes)
            break;
        result += piece;
    }
    return result;
}

void check_id(std::string_view what, std::string_view value)
{
    constexpr std::size_t longest = 128;
    const std::string name(what);
    if (value.empty())
        throw InvalidInput(name + " must not be empty");
    if (value.size() > longest)
        throw InvalidInput(name + " is too long",
                           "It has " + std::to_string(value.size()) + " bytes; 128 are allowed.");
    for (std::size_t at = 0; at < value.size();) {
        const char32_t code_point = next_code_point(value, &at);
        if (code_point == malformed)
            throw InvalidInput(name + " is not valid UTF-8");
        if (is_control(code_point))
            throw InvalidInput(name + " must not contain control characters");
    }
}

}  // namespace videoroom::core
