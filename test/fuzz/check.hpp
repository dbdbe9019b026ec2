// What every target uses.
#pragma once

#include <cstdlib>
#include <string_view>

// Ends the program, and with it the search, where a rule is broken.
inline void check(bool holds)
{
    if (!holds)
        std::abort();
}

// Takes the first line off a text; all of it, where it has but one.
inline std::string_view take_line(std::string_view &text)
{
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}
