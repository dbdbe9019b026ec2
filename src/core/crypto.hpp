#pragma once

#include <array>
#include <string>
#include <string_view>

namespace videoroom::core {

std::array<unsigned char, 32> sha256(std::string_view text);

// The raw bytes of the code.
std::string hmac_sha1(std::string_view key, std::string_view text);
std::string hmac_sha256(std::string_view key, std::string_view text);

std::string base64(std::string_view bytes);
std::string base64_url(std::string_view bytes);  // RFC 7515: '-' and '_', no padding

// Takes as long whatever the content, if the sizes are equal.
bool equal_constant_time(std::string_view left, std::string_view right) noexcept;

}  // namespace videoroom::core
