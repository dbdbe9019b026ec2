// Room ids, and the ids that others give: what looks like one of ours is one, and carries its booking's slot.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "core/error.hpp"
#include "core/form.hpp"
#include "core/room_id.hpp"
#include "core/text.hpp"

using namespace videoroom::core;

namespace {

void check_made(std::string_view booking_id)
{
    std::array<unsigned char, 32> random{};
    std::copy_n(booking_id.begin(), std::min(booking_id.size(), random.size()), random.begin());
    const std::string room_id = make_room_id(booking_id, random);
    check(is_room_id(room_id) && room_slot(room_id) == slot(booking_id));
    check(!is_room_id(room_id + '0') && !is_room_id(room_id.substr(1)) && room_slot(room_id + '0') == -1);
}

void check_given(std::string_view room_id)
{
    const int slot = room_slot(room_id);
    check(is_room_id(room_id) ? slot >= 0 && slot < 4096 : slot == -1);
    check(!is_room_id(room_id) || url_encode(room_id) == room_id);
}

void check_text(std::string_view text)
{
    try {
        check_id("booking_id", text);
        check(valid_utf8(text) && make_valid_utf8(text, 128) == text);
    } catch (const InvalidInput &) {
    }
    const std::string cut = make_valid_utf8(text, 20);
    check(valid_utf8(cut) && cut.size() <= 20);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char *>(data), size);
    check_made(text);
    check_given(text);
    check_text(text);
    return 0;
}
