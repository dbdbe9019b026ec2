// What a scheduler gives: ids and options. What is taken comes back as it was.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/options.hpp"
#include "core/room_id.hpp"
#include "core/text.hpp"
#include "core/video_api.hpp"

using namespace videoroom::core;

namespace {

void check(bool holds)
{
    if (!holds)
        std::abort();
}

void check_options(std::string_view json)
{
    std::string metadata;
    RoomOptions options;
    try {
        options = parse_options(json, &metadata);
    } catch (const InvalidInput &error) {
        check(valid_utf8(error.what()));
        return;
    }
    check(metadata.size() <= 16384 && metadata.starts_with('{') && metadata.ends_with('}'));
    check(metadata == "{}" || json.find(metadata) != std::string_view::npos);
    check(parse_options(options_json(options), nullptr) == options);
    check(create_room("x", options, "").body.starts_with("Type=group&UniqueName=x&"));
}

void check_ids(std::string_view text)
{
    std::array<unsigned char, 32> random{};
    std::copy_n(text.begin(), std::min(text.size(), random.size()), random.begin());
    const std::string room_id = make_room_id(text, random);
    check(is_room_id(room_id) && room_slot(room_id) == slot(text));
    is_room_id(text);

    try {
        check_id("booking_id", text);
        check(valid_utf8(text) && make_valid_utf8(text, 128) == text);
    } catch (const InvalidInput &) {
    }
    const std::string cut = make_valid_utf8(text, 20);
    check(valid_utf8(cut) && cut.size() <= 20);
    check(valid_utf8(replace_malformed(text)) && (replace_malformed(text) == text) == valid_utf8(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char *>(data), size);
    check_options(text);
    check_ids(text);
    return 0;
}
