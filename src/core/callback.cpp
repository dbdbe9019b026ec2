#include "core/callback.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "core/room_id.hpp"
#include "core/signature.hpp"
#include "core/text.hpp"
#include "core/time.hpp"
#include "core/video_api.hpp"

namespace videoroom::core {
namespace {

using Values = decltype(DecodedCallback::payload);
using Text = std::string_view;

// Twilio: Video status callbacks. Those that say what has become of a room or of somebody in it are used, the
// rest is not.
constexpr std::array<Text, 2> room_events = {"room-created", "room-ended"};
constexpr std::array<Text, 6> participant_events = {"participant-connected", "participant-disconnected",
                                                    "track-added",           "track-removed",
                                                    "track-enabled",         "track-disabled"};
constexpr std::array<Text, 9> unused_events = {
    "recording-started",       "recording-completed",  "recording-failed",
    "composition-enqueued",    "composition-started",  "composition-available",
    "composition-hook-failed", "composition-progress", "composition-failed"};

template <std::size_t size>
constexpr bool is_one_of(Text text, const std::array<Text, size> &words)
{
    return std::find(words.begin(), words.end(), text) != words.end();
}

std::string hyphenated(Text text)
{
    std::string event(text);
    std::replace(event.begin(), event.end(), '_', '-');
    return event;
}

// How long a value of that shape is that the text begins with; 0: it begins with none.
using Shape = std::size_t (*)(Text text);

template <bool (*matches)(Text), std::size_t length>
std::size_t fixed(Text text)
{
    return matches(text.substr(0, length)) ? length : 0;
}

template <char first, char second>
bool is_sid_of(Text text)
{
    const std::array<char, 2> prefix = {first, second};
    return is_sid({prefix.data(), prefix.size()}, text);
}

std::size_t used_event(Text text)
{
    const std::string event = hyphenated(text.substr(0, 32));
    std::size_t length = 0;
    for (const auto &words : {std::span<const Text>(room_events), std::span<const Text>(participant_events)})
        for (Text word : words)
            if (event.starts_with(word))
                length = std::max(length, word.size());
    return length;
}

std::size_t timestamp(Text text)
{
    const std::size_t length = std::min(text.find('Z'), text.size() - 1) + 1;
    return parse_iso8601(text.substr(0, length)) ? length : 0;
}

std::size_t seconds(Text text)
{
    const std::size_t length = std::min(text.find_first_not_of("0123456789"), text.size());
    return length <= 9 ? length : 0;
}

struct Parameter {
    Text name;
    Shape shape;
};

constexpr std::array<Parameter, 5> of_rooms = {{{"AccountSid", fixed<is_sid_of<'A', 'C'>, 34>},
                                                {"RoomName", fixed<is_room_id, 25>},
                                                {"RoomSid", fixed<is_sid_of<'R', 'M'>, 34>},
                                                {"StatusCallbackEvent", used_event},
                                                {"Timestamp", timestamp}}};
constexpr Parameter of_participants = {"ParticipantSid", fixed<is_sid_of<'P', 'A'>, 34>};
constexpr Parameter duration = {"ParticipantDuration", seconds};
constexpr Text identity = "ParticipantIdentity";

// Twilio: 128 characters at most (error 53201), of up to 4 bytes. Not check_id: whoever else holds an API key
// may have let in somebody under a name that we would not give.
bool is_identity(Text text)
{
    for (std::size_t at = 0; at < text.size();) {
        const char32_t code_point = next_code_point(text, &at);
        if (code_point == malformed || is_control(code_point))
            return false;
    }
    return !text.empty() && text.size() <= 512;
}

// At how many places of what was signed the parameter could stand, with a value that it may have.
std::size_t places(Text text, const Parameter &parameter)
{
    std::size_t count = 0;
    for (auto at = text.find(parameter.name); at != Text::npos; at = text.find(parameter.name, at + 1)) {
        const Text rest = text.substr(at + parameter.name.size());
        count += !rest.empty() && parameter.shape(rest) > 0;
    }
    return count;
}

bool there_twice(const Form &form, Text name)
{
    return std::count_if(form.begin(), form.end(), [&](const auto &pair) { return pair.first == name; }) > 1;
}

// What is wrong with a parameter that is used; nullopt: its value is what Twilio sent.
std::optional<std::string> wrong(const Form &form, Text text, const Values &values,
                                 const Parameter &parameter)
{
    const std::string name(parameter.name);
    const auto value = values.find(name);
    if (value == values.end())
        return name + " is missing";
    if (there_twice(form, name))
        return name + " is there twice";
    if (value->second.empty() || parameter.shape(value->second) != value->second.size())
        return name + " is malformed";
    if (places(text, parameter) != 1)
        return name + " could stand elsewhere too";
    return std::nullopt;
}

// The identity is the one value without a shape. What stands behind it may be its tail; and a parameter that
// did may have become part of it: that one's name was between ParticipantIdentity and ParticipantSid.
std::optional<std::string> behind_identity(const Values &values)
{
    std::string tail;
    const auto at = values.find(identity);
    for (auto next = std::next(at); next != values.end() && next->first != of_participants.name; ++next)
        tail += next->first + next->second;
    if (!tail.empty())
        return tail;
    return at->second.find("Participant", 1) != std::string::npos ? std::optional<std::string>("")
                                                                  : std::nullopt;
}

// May a name of Twilio's that begins with ParticipantIdentity be there besides? Only if what stands before
// the identity has a shape, so that the identity cannot have begun earlier, or later.
bool begins_where_it_says(Text text, const Values &values)
{
    const std::size_t first = text.find(identity);
    if (text.find(identity, first + 1) == Text::npos)
        return true;
    const auto at = values.find(identity);
    const auto before = at == values.begin() ? values.end() : std::prev(at);
    const bool shaped =
        before != values.end() &&
        (before->first == "AccountSid" ||
         (before->first == duration.name && duration.shape(before->second) == before->second.size()));
    return shaped && text.substr(first + identity.size()).starts_with(at->second);
}

std::optional<std::string> wrong_identity(const Form &form, Text text, const Values &values)
{
    const std::string name(identity);
    const auto value = values.find(identity);
    if (value == values.end())
        return name + " is missing";
    if (there_twice(form, identity))
        return name + " is there twice";
    if (!is_identity(value->second))
        return name + " is malformed";
    if (!begins_where_it_says(text, values))
        return name + " could stand elsewhere too";
    return std::nullopt;
}

// Another account's, another application's, or of what nobody here asks about.
std::optional<std::string> not_ours(const Values &values, Text account_sid)
{
    const auto account = values.find("AccountSid");
    if (account != values.end() && is_sid("AC", account->second) && account->second != account_sid)
        return "the account is another";
    const auto event = values.find("StatusCallbackEvent");
    if (event != values.end() && is_one_of(event->second, unused_events))
        return "the event is none of a room, participant or track";
    const auto room = values.find("RoomName");
    if (room != values.end() && !is_room_id(room->second))
        return "the room is not one of ours";
    return std::nullopt;
}

std::optional<std::string> unreadable(const Form &form, const Values &values)
{
    const auto event = values.find("StatusCallbackEvent");
    if (event != values.end() && !is_one_of(event->second, room_events) &&
        !is_one_of(event->second, participant_events))
        return "the event is not known";
    const std::string text = signed_text(form);
    for (const Parameter &parameter : of_rooms)
        if (auto reason = wrong(form, text, values, parameter))
            return reason;
    if (!is_one_of(values.at("StatusCallbackEvent"), participant_events))
        return std::nullopt;
    if (auto reason = wrong(form, text, values, of_participants))
        return reason;
    return wrong_identity(form, text, values);
}

}  // namespace

DecodedCallback decode_callback(const Form &form, Text account_sid)
{
    DecodedCallback decoded;
    Values &values = decoded.payload;
    for (const auto &[name, value] : form)
        values.emplace(name, value);
    if (const auto event = values.find("StatusCallbackEvent"); event != values.end())
        event->second = hyphenated(event->second);
    if (const auto room = values.find("RoomName"); room != values.end() && is_room_id(room->second))
        decoded.room_id = room->second;
    if (auto reason = not_ours(values, account_sid)) {
        decoded.ignored = *reason;
        return decoded;
    }
    if (auto reason = unreadable(form, values)) {
        decoded.not_understood = *reason;
        return decoded;
    }
    // That somebody left counts without it.
    if (const auto length = values.find(duration.name);
        length != values.end() && wrong(form, signed_text(form), values, duration))
        values.erase(length);
    if (is_one_of(values.at("StatusCallbackEvent"), participant_events))
        decoded.behind = behind_identity(values);
    return decoded;
}

}  // namespace videoroom::core
