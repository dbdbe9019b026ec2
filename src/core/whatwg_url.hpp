#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace videoroom::core {

// An http or https URL as the URL class of JavaScript writes it (url.spec.whatwg.org), in which Twilio's
// helper library and some of its back ends sign it: host in lower case, dot segments resolved, the scheme's
// own port left out, what must be %-encoded %-encoded. nullopt where that class throws, for other schemes,
// and for a host that is not ASCII, which would take the tables of IDNA.
std::optional<std::string> normalise_url(std::string_view url);

}  // namespace videoroom::core
