// JSON as text, which the server's own lexer walks: no number is too large for it, and what is no JSON is no
// error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace videoroom::pg {

// The text of the object's member `name`: "" where the name is there more than once, nullopt where it is not
// or `json` is no JSON object.
std::optional<std::string> json_member(std::string_view json, std::string_view name);

}  // namespace videoroom::pg
