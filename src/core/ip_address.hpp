#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace videoroom::core {

// Addresses as the URL standard reads and writes them (url.spec.whatwg.org, host parsing).

// Must the host be read as an IPv4 address?
bool ends_in_number(std::string_view host) noexcept;

// Four decimal numbers, from one to four decimal, octal or hexadecimal ones.
std::optional<std::string> normal_ipv4(std::string_view host);

// Lower-case hex, the longest run of zeroes left out; without brackets on both sides.
std::optional<std::string> normal_ipv6(std::string_view address);

}  // namespace videoroom::core
