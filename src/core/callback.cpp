#include "core/callback.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "core/room_id.hpp"
#include "core/signature.hpp"
#include "core/text.hpp"
#include "core/time.hpp"
#include "core/video_api.hpp"

namespace videoroom::core {
namespace {

using Values = decltype(DecodedCallback::payload);

bool is_number(std::string_view text)
{
    return !text.empty() && text.size() <= 9 &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_event(std::string_view text)
{
    return text.size() <= 64 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-_") == std::string_view::npos;
}

template <std::size_t size>
constexpr bool is_one_of(std::string_view text, const std::string_view (&words)[size])
{
    return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

// Twilio: 128 characters at most (error 53200), of up to 4 bytes. Not check_id: whoever else holds an API key
// may have let in somebody under a name that we would not give.
bool is_identity(std::string_view text)
{
    for (std::size_t at = 0; at < text.size();) {
        const char32_t code_point = next_code_point(text, &at);
        if (code_point == malformed || is_control(code_point))
            return false;
    }
    return !text.empty() && text.size() <= 512;
}

struct Parameter {
    std::string_view name;
    bool (*matches)(std::string_view);
};

using Text = std::string_view;

// Twilio: parameters of room, participant and track events (Video status callbacks), sorted.
constexpr Parameter parameters[] = {
    {"AccountSid", [](Text text) { return is_sid("AC", text); }},
    {"ParticipantDuration", is_number},
    {"ParticipantIdentity", is_identity},
    {"ParticipantSid", [](Text text) { return is_sid("PA", text); }},
    {"ParticipantStatus",
     [](Text text) {
         return is_one_of(text, {"connected", "disconnected", "reconnecting"});
     }},
    {"RoomDuration", is_number},
    {"RoomName", is_room_id},
    {"RoomSid", [](Text text) { return is_sid("RM", text); }},
    {"RoomStatus",
     [](Text text) {
         return is_one_of(text, {"in-progress", "completed", "failed"});
     }},
    {"RoomType",
     [](Text text) {
         return is_one_of(text, {"group", "go", "peer-to-peer", "group-small"});
     }},
    {"SequenceNumber", is_number},
    {"StatusCallbackEvent", is_event},
    {"Timestamp", [](Text text) { return parse_iso8601(text).has_value(); }},
    {"TrackKind",
     [](Text text) {
         return is_one_of(text, {"audio", "video", "data"});
     }},
    {"TrackSid", [](Text text) { return is_sid("MT", text); }}};

constexpr std::array<std::string_view, 6> always = {
    "AccountSid", "RoomName", "RoomSid", "RoomStatus", "StatusCallbackEvent", "Timestamp"};
constexpr std::array<std::string_view, 3> of_participants = {"ParticipantIdentity", "ParticipantSid",
                                                             "ParticipantStatus"};
constexpr std::array<std::string_view, 2> of_tracks = {"TrackKind", "TrackSid"};

bool is_track_event(std::string_view event)
{
    return is_one_of(event, {"track-added", "track-removed", "track-enabled", "track-disabled"});
}

bool is_participant_event(std::string_view event)
{
    return event == "participant-connected" || event == "participant-disconnected" || is_track_event(event);
}

bool is_room_event(std::string_view event)
{
    return event == "room-created" || event == "room-ended" || is_participant_event(event);
}

bool is_known(std::string_view name)
{
    return std::any_of(std::begin(parameters), std::end(parameters),
                       [&](const Parameter &parameter) { return parameter.name == name; });
}

std::size_t occurrences(std::string_view text, std::string_view word)
{
    std::size_t count = 0;
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + word.size()))
        ++count;
    return count;
}

template <std::size_t size>
std::optional<std::string> lacking(const Values &values, const std::array<std::string_view, size> &names)
{
    for (std::string_view name : names)
        if (!values.contains(name))
            return std::string(name) + " is missing";
    return std::nullopt;
}

std::optional<std::string> lacking_for(std::string_view event, const Values &values)
{
    auto reason = lacking(values, always);
    if (!reason && is_participant_event(event))
        reason = lacking(values, of_participants);
    if (!reason && is_track_event(event))
        reason = lacking(values, of_tracks);
    return reason;
}

// Could bytes have been moved between names and values since this was signed? Each known name must stand in
// the signed text exactly where it names a parameter. Identity is the one value without a fixed shape: an
// unknown name sorted right behind it could be its tail.
std::optional<std::string> moved_bytes(const Form &form, const Values &values)
{
    const std::string text = signed_text(form);
    for (const Parameter &parameter : parameters)
        if (occurrences(text, parameter.name) != values.count(parameter.name))
            return "the name " + std::string(parameter.name) + " is part of another parameter";
    if (!values.contains("ParticipantIdentity"))
        return std::nullopt;
    const auto next = values.upper_bound("ParticipantIdentity");
    if (next != values.end() && !is_known(next->first))
        return "an unknown parameter follows ParticipantIdentity";
    return std::nullopt;
}

std::optional<std::string> wrong(const Form &form, const Values &values, std::string_view account_sid)
{
    const auto event = values.find("StatusCallbackEvent");
    if (event == values.end())
        return "StatusCallbackEvent is missing";
    if (!is_room_event(event->second))
        return "the event is none of a room, participant or track";
    for (const Parameter &parameter : parameters)
        if (std::count_if(form.begin(), form.end(),
                          [&](const auto &pair) { return pair.first == parameter.name; }) > 1)
            return std::string(parameter.name) + " is there twice";
    const auto account = values.find("AccountSid");
    if (account != values.end() && is_sid("AC", account->second) && account->second != account_sid)
        return "the account is another";
    for (const Parameter &parameter : parameters) {
        const auto value = values.find(parameter.name);
        if (value != values.end() && !parameter.matches(value->second))
            return parameter.name == "RoomName" ? "the room is not one of ours"
                                                : std::string(parameter.name) + " is malformed";
    }
    const auto reason = lacking_for(event->second, values);
    return reason ? reason : moved_bytes(form, values);
}

}  // namespace

DecodedCallback decode_callback(const Form &form, std::string_view account_sid)
{
    DecodedCallback decoded;
    Values &values = decoded.payload;
    for (const auto &[name, value] : form)
        values.emplace(name, value);
    if (const auto event = values.find("StatusCallbackEvent");
        event != values.end() && is_event(event->second))
        std::replace(event->second.begin(), event->second.end(), '_', '-');
    if (const auto room = values.find("RoomName"); room != values.end() && is_room_id(room->second))
        decoded.room_id = room->second;
    decoded.ignored = wrong(form, values, account_sid).value_or("");
    return decoded;
}

}  // namespace videoroom::core
