// Options of a booking: what is taken comes back as it was.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "core/error.hpp"
#include "core/options.hpp"
#include "core/text.hpp"
#include "core/video_api.hpp"

using namespace videoroom::core;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view json(reinterpret_cast<const char *>(data), size);
    std::string metadata;
    RoomOptions options;
    try {
        options = parse_options(json, &metadata);
    } catch (const InvalidInput &error) {
        check(valid_utf8(error.what()));
        return 0;
    }
    check(metadata.size() <= 16384 && metadata.starts_with('{') && metadata.ends_with('}'));
    check(metadata == "{}" || json.find(metadata) != std::string_view::npos);
    check(parse_options(options_json(options), nullptr) == options);
    check(create_room("x", options, "").body.starts_with("Type=group&UniqueName=x&"));
    return 0;
}
