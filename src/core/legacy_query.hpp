#pragma once

#include <string>
#include <string_view>

namespace videoroom::core {

// The URL with its query taken apart and written again as Node's `querystring` does it: a name's values side
// by side, names that are numbers first, space as %20. Some of Twilio's back ends sign a URL in this form,
// says twilio-node, which tries it last.
std::string with_legacy_query(std::string_view url);

}  // namespace videoroom::core
