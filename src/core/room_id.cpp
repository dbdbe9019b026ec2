#include "core/room_id.hpp"

#include <algorithm>
#include <array>

#include "core/crypto.hpp"

namespace videoroom::core {
namespace {

constexpr std::string_view hex = "0123456789abcdef";
constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t slot_digits = 3;
constexpr std::size_t random_digits = 22;

// Takes the lowest base-62 digit off a big-endian number.
unsigned take_digit(std::array<unsigned char, 32> &number)
{
    unsigned remainder = 0;
    for (unsigned char &byte : number) {
        const unsigned dividend = remainder * 256 + byte;
        byte = static_cast<unsigned char>(dividend / alphabet.size());
        remainder = dividend % alphabet.size();
    }
    return remainder;
}

}  // namespace

int slot(std::string_view booking_id)
{
    const auto digest = sha256(booking_id);
    return digest[0] * 16 + digest[1] / 16;
}

std::string make_room_id(std::string_view booking_id, std::span<const unsigned char, 32> random)
{
    const auto place = static_cast<unsigned>(slot(booking_id));
    std::string id = {hex[place >> 8], hex[(place >> 4) & 15], hex[place & 15]};
    // 22 digits of base 62 are 131 bits: taken off a number of 256, the bias is 2^-125.
    std::array<unsigned char, 32> number;
    std::copy(random.begin(), random.end(), number.begin());
    for (std::size_t i = 0; i < random_digits; ++i)
        id += alphabet[take_digit(number)];
    return id;
}

bool is_room_id(std::string_view text) noexcept
{
    return text.size() == slot_digits + random_digits &&
           text.substr(0, slot_digits).find_first_not_of(hex) == std::string_view::npos &&
           text.substr(slot_digits).find_first_not_of(alphabet) == std::string_view::npos;
}

int room_slot(std::string_view room_id) noexcept
{
    if (!is_room_id(room_id))
        return -1;
    int value = 0;
    for (char c : room_id.substr(0, slot_digits))
        value = value * 16 + static_cast<int>(hex.find(c));
    return value;
}

}  // namespace videoroom::core
