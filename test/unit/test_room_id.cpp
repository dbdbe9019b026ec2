#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "core/room_id.hpp"

namespace videoroom::core {
namespace {

std::array<unsigned char, 32> bytes(unsigned char value)
{
    std::array<unsigned char, 32> result;
    result.fill(value);
    return result;
}

TEST(RoomId, SlotIsTheFirstTwelveBitsOfSha256)
{
    EXPECT_EQ(slot(""), 0xE3B);
    EXPECT_EQ(slot("abc"), 0xBA7);
}

TEST(RoomId, BeginsWithTheSlotOfItsBooking)
{
    const std::string id = make_room_id("abc", bytes(0));
    EXPECT_EQ(id, "ba7" + std::string(22, '0'));
    EXPECT_EQ(room_slot(id), slot("abc"));
}

TEST(RoomId, RandomPartDependsOnAllOfTheRandomBytes)
{
    const std::string base = make_room_id("abc", bytes(7));
    for (std::size_t i = 0; i < 32; ++i) {
        auto random = bytes(7);
        random[i] ^= 1;
        const std::string id = make_room_id("abc", random);
        EXPECT_TRUE(is_room_id(id)) << id;
        EXPECT_NE(id, base) << i;
    }
}

TEST(RoomId, EveryLetterIsAboutAsLikely)
{
    std::array<int, 128> seen{};
    std::uint32_t state = 1;
    for (int i = 0; i < 2000; ++i) {
        std::array<unsigned char, 32> random;
        for (unsigned char &byte : random) {
            state = state * 1664525 + 1013904223;
            byte = static_cast<unsigned char>(state >> 24);
        }
        for (char c : make_room_id("x", random).substr(3))
            ++seen[static_cast<unsigned char>(c)];
    }
    for (char c : std::string("09AZaz"))
        EXPECT_NEAR(seen[static_cast<unsigned char>(c)], 2000 * 22 / 62.0, 150) << c;
}

TEST(RoomId, IsToldFromOtherNames)
{
    EXPECT_TRUE(is_room_id("0af0123456789ABCDEFabcdxy"));
    for (const char *text : {"", "abc", "0AF0123456789ABCDEFabcdxy", "0af0123456789ABCDEFabcdx_",
                             "0af0123456789ABCDEFabcdxyz", "RM0123456789abcdef0123456789abcdef"}) {
        EXPECT_FALSE(is_room_id(text)) << text;
        EXPECT_EQ(room_slot(text), -1);
    }
}

}  // namespace
}  // namespace videoroom::core
