// JSON as text, where jansson does not do: its numbers are 64 bits or a double, those of others any size.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace videoroom::core {

// The position after the string that begins at json[at].
std::size_t skip_string(std::string_view json, std::size_t at);

// The same with 0 for each number, so that jansson can judge the rest.
std::string without_numbers(std::string_view json);

}  // namespace videoroom::core
