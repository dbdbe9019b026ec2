#include "core/ip_address.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <vector>

namespace videoroom::core {
namespace {

std::optional<std::uint64_t> ipv4_number(std::string_view text)
{
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text.starts_with('0')) {
        base = 8;
        text.remove_prefix(1);
    }
    if (text.empty())
        return base == 16 ? std::optional<std::uint64_t>(0) : std::nullopt;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error == std::errc::result_out_of_range)
        number = UINT64_MAX;
    else if (error != std::errc())
        return std::nullopt;
    if (end != text.data() + text.size())
        return std::nullopt;
    return number;
}

std::vector<std::string_view> labels(std::string_view host)
{
    if (host.ends_with('.'))
        host.remove_suffix(1);
    std::vector<std::string_view> result;
    for (;;) {
        const auto dot = host.find('.');
        result.push_back(host.substr(0, dot));
        if (dot == std::string_view::npos)
            return result;
        host.remove_prefix(dot + 1);
    }
}

}  // namespace

bool ends_in_number(std::string_view host) noexcept
{
    if (host.ends_with('.'))
        host.remove_suffix(1);
    const auto dot = host.rfind('.');
    const std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
    if (last.empty())
        return false;
    if (last.find_first_not_of("0123456789") == std::string_view::npos)
        return true;
    return (last.starts_with("0x") || last.starts_with("0X")) &&
           last.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
}

std::optional<std::string> normal_ipv4(std::string_view host)
{
    const auto parts = labels(host);
    if (parts.size() > 4)
        return std::nullopt;
    std::uint64_t address = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto number = ipv4_number(parts[i]);
        const bool last = i + 1 == parts.size();
        // The last number fills all the bytes that the ones before it left.
        const std::uint64_t limit = last ? std::uint64_t{1} << (8 * (5 - parts.size())) : 256;
        if (!number || *number >= limit)
            return std::nullopt;
        address += last ? *number : *number << (8 * (3 - i));
    }
    std::string result;
    for (int shift = 24; shift >= 0; shift -= 8)
        result += std::to_string((address >> shift) & 0xFF) + (shift > 0 ? "." : "");
    return result;
}

std::optional<std::string> normal_ipv6(std::string_view address)
{
    std::array<unsigned char, 16> bytes;
    if (inet_pton(AF_INET6, std::string(address).c_str(), bytes.data()) != 1)
        return std::nullopt;
    const auto piece = [&](std::size_t i) { return (bytes[2 * i] << 8) | bytes[2 * i + 1]; };

    std::size_t run_begin = 8;
    std::size_t run_length = 1;  // a single zero is written out
    for (std::size_t i = 0; i < 8; ++i) {
        std::size_t length = 0;
        while (i + length < 8 && piece(i + length) == 0)
            ++length;
        if (length > run_length) {
            run_begin = i;
            run_length = length;
        }
    }

    std::string result;
    for (std::size_t i = 0; i < 8;) {
        if (i == run_begin) {
            result += i == 0 ? "::" : ":";
            i += run_length;
            continue;
        }
        std::array<char, 4> text;
        const auto end = std::to_chars(text.data(), text.data() + text.size(), piece(i), 16).ptr;
        result.append(text.data(), end);
        if (++i < 8)
            result += ':';
    }
    return result;
}

}  // namespace videoroom::core
