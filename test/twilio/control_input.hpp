// How control commands are read: strictly, so that a misspelt one fails its test.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "form.hpp"
#include "json.hpp"

namespace sim {

/// Throws std::invalid_argument, which is answered 400.
[[noreturn]] void refuse(const std::string &what);

/// The number a query gives this name, 0 when it does not.
std::int64_t number_of(const Form &query, const std::string &name);

/// Refuses a member that is not among the known ones.
void known_members(const Json &given, std::initializer_list<std::string_view> known);

std::string required_text(const Json &given, const std::string &name);

}  // namespace sim
