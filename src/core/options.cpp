#include "core/options.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/text.hpp"

namespace videoroom::core {
namespace {

struct IntegerOption {
    std::string_view name;
    int RoomOptions::*member;
    int low;
    int high;
    std::string_view unit;
};

// Twilio: Rooms resource, and errors 53107, 53109 and 53123.
constexpr std::array<IntegerOption, 4> integer_options = {
    {{"empty_room_timeout", &RoomOptions::empty_room_timeout, 1, 60, " minutes"},
     {"max_participant_duration", &RoomOptions::max_participant_duration, 600, 86400, " seconds"},
     {"max_participants", &RoomOptions::max_participants, 1, 50, ""},
     {"unused_room_timeout", &RoomOptions::unused_room_timeout, 1, 60, " minutes"}}};

// Twilio: media servers, Video IP addresses; gll is the one nearest to the first who joins.
constexpr std::array<std::string_view, 10> media_regions = {"au1", "br1", "de1", "gll", "ie1",
                                                            "in1", "jp1", "sg1", "us1", "us2"};

[[noreturn]] void refuse(std::string_view name, const std::string &rule)
{
    throw InvalidInput("option \"" + make_valid_utf8(name, 64) + "\" " + rule);
}

std::vector<std::string> read_codecs(const Json &value)
{
    std::vector<std::string> codecs;
    for (const Json &item : value.items()) {
        const auto codec = item.as_string();
        if (!codec || (*codec != "VP8" && *codec != "H264") ||
            std::find(codecs.begin(), codecs.end(), *codec) != codecs.end())
            refuse("video_codecs", "must be an array of VP8 and H264, each once at most");
        codecs.push_back(*codec);
    }
    if (!value.is_array())
        refuse("video_codecs", "must be an array of VP8 and H264, each once at most");
    return codecs;
}

std::string read_region(const Json &value)
{
    const auto region = value.as_string();
    if (!region || std::find(media_regions.begin(), media_regions.end(), *region) == media_regions.end()) {
        std::string names;
        for (std::string_view name : media_regions)
            names += (names.empty() ? "" : ", ") + std::string(name);
        refuse("media_region", "must be one of " + names);
    }
    return *region;
}

void read_option(const std::string &name, const Json &value, RoomOptions *options)
{
    const auto integer = std::find_if(integer_options.begin(), integer_options.end(),
                                      [&](const IntegerOption &option) { return option.name == name; });
    if (integer != integer_options.end()) {
        const auto number = value.as_integer();
        if (!number || *number < integer->low || *number > integer->high)
            refuse(name, "must be an integer from " + std::to_string(integer->low) + " to " +
                             std::to_string(integer->high) + std::string(integer->unit));
        options->*integer->member = static_cast<int>(*number);
    } else if (name == "audio_only") {
        options->audio_only = value.as_boolean();
        if (!options->audio_only)
            refuse(name, "must be true or false");
    } else if (name == "media_region") {
        options->media_region = read_region(value);
    } else if (name == "video_codecs") {
        options->video_codecs = read_codecs(value);
    } else {
        throw InvalidInput("unknown option \"" + make_valid_utf8(name, 64) + "\"", "",
                           "Options are audio_only, empty_room_timeout, max_participant_duration, "
                           "max_participants, media_region, metadata, unused_room_timeout and video_codecs.");
    }
}

}  // namespace

RoomOptions parse_options(std::string_view json)
{
    if (!json.starts_with('{'))
        throw InvalidInput("options must be a JSON object");
    const auto object = Json::try_parse(json);
    if (!object)  // what the server writes is JSON
        throw InvalidInput("options contain a number that is out of range, or are nested too deeply");
    RoomOptions options;
    for (const std::string &name : object->keys())
        read_option(name, *object->get(name), &options);
    return options;
}

std::string options_json(const RoomOptions &options)
{
    // Written out: each booking has one.
    std::string json;
    const auto member = [&](std::string_view name, const std::string &value) {
        json.append(json.empty() ? "{\"" : ",\"").append(name).append("\":").append(value);
    };
    if (options.audio_only)
        member("audio_only", *options.audio_only ? "true" : "false");
    member("empty_room_timeout", std::to_string(options.empty_room_timeout));
    member("max_participant_duration", std::to_string(options.max_participant_duration));
    member("max_participants", std::to_string(options.max_participants));
    if (!options.media_region.empty())
        member("media_region", Json::quoted(options.media_region));
    member("unused_room_timeout", std::to_string(options.unused_room_timeout));
    if (!options.video_codecs.empty()) {
        std::string codecs;
        for (const std::string &codec : options.video_codecs)
            codecs += (codecs.empty() ? "" : ",") + Json::quoted(codec);
        member("video_codecs", "[" + codecs + "]");
    }
    return json + "}";
}

}  // namespace videoroom::core
