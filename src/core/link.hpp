#pragma once

#include <string>
#include <string_view>

namespace videoroom::core {

// A join link to be filled in: an absolute https URL (http for loopback) with {token}, and if wanted
// {room_id} and {room_sid}, none of them in the host. Else InvalidInput.
void check_link_template(std::string_view link_template);

// Would the browser send the token to a server (and into its logs)? True unless {token} is only after '#'.
bool token_in_query(std::string_view link_template);

// The template with each value URL-encoded.
std::string expand_link(std::string_view link_template, std::string_view room_id, std::string_view room_sid,
                        std::string_view token);

}  // namespace videoroom::core
