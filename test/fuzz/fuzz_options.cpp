// Options of a booking: what is taken comes back as it was.
#include <cstddef>
#include <cstdint>
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
    RoomOptions options;
    try {
        options = parse_options(json);
    } catch (const InvalidInput &error) {
        check(valid_utf8(error.what()));
        return 0;
    }
    check(parse_options(options_json(options)) == options);
    check(create_room("x", options, "").body.starts_with("Type=group&UniqueName=x&"));
    return 0;
}
