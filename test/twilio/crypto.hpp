// The few things the simulator takes from OpenSSL, and its random identifiers.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace sim {

std::string hmac_sha1(std::string_view key, std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);
std::string base64(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);
/// base64url without padding, as in a JWT; nothing for any other character
std::optional<std::string> base64url_decode(std::string_view text);

/// Identifiers and dice. With a seed a run can be repeated.
class Random {
public:
    explicit Random(std::uint64_t seed) : generator_(seed) {}

    std::string hex(std::size_t digits);
    /// Twilio: a SID is a two-letter prefix and 32 hex digits.
    std::string sid(std::string_view prefix) { return std::string(prefix) + hex(32); }
    std::string uuid();
    /// 0 <= value < bound
    std::uint64_t below(std::uint64_t bound);
    bool percent(std::int64_t chance) { return static_cast<std::int64_t>(below(100)) < chance; }

private:
    std::mutex mutex_;
    std::mt19937_64 generator_;
};

}  // namespace sim
