#include "core/video_api.hpp"

#include <algorithm>
#include <climits>
#include <initializer_list>
#include <utility>

#include "core/form.hpp"
#include "core/json.hpp"
#include "core/text.hpp"

namespace videoroom::core {
namespace {

constexpr std::size_t longest_error_text = 500;

// What the API may leave null: everything but sid and status (OpenAPI description of Video, v1). One wrong
// field makes the whole object bad.
class Fields {
public:
    explicit Fields(const Json &object) : object_(object), good_(object.is_object()) {}

    bool good() const { return good_; }

    std::string text(std::string_view key)
    {
        const auto member = present(key);
        return member ? need(member->as_string()) : std::string();
    }

    std::string sid(std::string_view key, std::string_view prefix)
    {
        std::string value = text(key);
        good_ = good_ && (value.empty() || is_sid(prefix, value));
        return value;
    }

    std::string required_sid(std::string_view key, std::string_view prefix)
    {
        std::string value = text(key);
        good_ = good_ && is_sid(prefix, value);
        return value;
    }

    std::string one_of(std::string_view key, std::initializer_list<std::string_view> values)
    {
        std::string value = text(key);
        good_ = good_ && std::find(values.begin(), values.end(), value) != values.end();
        return value;
    }

    std::optional<Time> time(std::string_view key)
    {
        const auto member = present(key);
        return member ? std::optional(need(parse_iso8601(need(member->as_string())))) : std::nullopt;
    }

    std::optional<std::int64_t> count(std::string_view key)
    {
        const auto member = present(key);
        if (!member)
            return std::nullopt;
        const std::int64_t value = need(member->as_integer());
        good_ = good_ && value >= 0 && value <= INT_MAX;
        return value;
    }

private:
    std::optional<Json> present(std::string_view key) const
    {
        auto member = object_.get(key);
        return member && member->is_null() ? std::nullopt : member;
    }

    template <typename Value>
    Value need(const std::optional<Value> &value)
    {
        good_ = good_ && value.has_value();
        return value.value_or(Value());
    }

    const Json &object_;
    bool good_;
};

std::optional<Room> read_room(const Json &object)
{
    Fields fields(object);
    Room room;
    room.sid = fields.required_sid("sid", "RM");
    room.unique_name = fields.text("unique_name");
    room.account_sid = fields.sid("account_sid", "AC");
    room.status = fields.one_of("status", {"in-progress", "completed", "failed"});
    room.date_created = fields.time("date_created");
    room.date_updated = fields.time("date_updated");
    room.end_time = fields.time("end_time");
    room.duration = fields.count("duration");
    return fields.good() ? std::optional(room) : std::nullopt;
}

std::optional<Participant> read_participant(const Json &object)
{
    Fields fields(object);
    Participant participant;
    participant.sid = fields.required_sid("sid", "PA");
    participant.room_sid = fields.sid("room_sid", "RM");
    participant.identity = fields.text("identity");
    participant.status = fields.one_of("status", {"connected", "disconnected", "reconnecting"});
    participant.start_time = fields.time("start_time");
    participant.end_time = fields.time("end_time");
    participant.duration = fields.count("duration");
    participant.date_created = fields.time("date_created");
    participant.date_updated = fields.time("date_updated");
    return fields.good() ? std::optional(participant) : std::nullopt;
}

template <typename Element>
std::optional<Page<Element>> read_page(std::string_view body, std::string_view key,
                                       std::optional<Element> (*read)(const Json &))
{
    const auto object = Json::try_parse(body);
    const auto list = object ? object->get(key) : std::nullopt;
    const auto meta = object ? object->get("meta") : std::nullopt;
    if (!list || !list->is_array() || !meta || !meta->is_object())
        return std::nullopt;
    Page<Element> page;
    for (const Json &item : list->items()) {
        auto element = read(item);
        if (!element)
            return std::nullopt;
        page.elements.push_back(std::move(*element));
    }
    Fields fields(*meta);
    page.next_page_url = fields.text("next_page_url");
    return fields.good() ? std::optional(std::move(page)) : std::nullopt;
}

std::string room_path(std::string_view sid_or_name)
{
    return "/v1/Rooms/" + url_encode(sid_or_name);
}

Request get(std::string path)
{
    return {"GET", std::move(path), "", false};
}

Request post(std::string path, const Form &form)
{
    return {"POST", std::move(path), encode_form(form), true};
}

}  // namespace

bool is_sid(std::string_view prefix, std::string_view text) noexcept
{
    return text.size() == 34 && text.starts_with(prefix) &&
           text.find_first_not_of("0123456789abcdefABCDEF", prefix.size()) == std::string_view::npos;
}

Request create_room(std::string_view room_id, const RoomOptions &options, std::string_view callback_url)
{
    Form form = {{"Type", "group"},
                 {"UniqueName", std::string(room_id)},
                 {"MaxParticipants", std::to_string(options.max_participants)},
                 {"MaxParticipantDuration", std::to_string(options.max_participant_duration)},
                 {"EmptyRoomTimeout", std::to_string(options.empty_room_timeout)},
                 {"UnusedRoomTimeout", std::to_string(options.unused_room_timeout)}};
    if (!options.media_region.empty())
        form.emplace_back("MediaRegion", options.media_region);
    if (options.audio_only)
        form.emplace_back("AudioOnly", *options.audio_only ? "true" : "false");
    if (!options.audio_only.value_or(false))
        for (const std::string &codec : options.video_codecs)
            form.emplace_back("VideoCodecs", codec);
    if (!callback_url.empty()) {
        form.emplace_back("StatusCallback", callback_url);
        form.emplace_back("StatusCallbackMethod", "POST");
    }
    return post("/v1/Rooms", form);
}

Request fetch_room(std::string_view sid_or_name)
{
    return get(room_path(sid_or_name));
}

Request complete_room(std::string_view sid_or_name)
{
    return post(room_path(sid_or_name), {{"Status", "completed"}});
}

Request list_rooms()
{
    return get("/v1/Rooms?Status=in-progress&PageSize=1000");
}

Request list_participants(std::string_view room_sid, std::string_view status)
{
    return get(room_path(room_sid) + "/Participants?Status=" + url_encode(status) + "&PageSize=1000");
}

Request remove_participant(std::string_view room_sid, std::string_view participant_sid_or_identity)
{
    return post(room_path(room_sid) + "/Participants/" + url_encode(participant_sid_or_identity),
                {{"Status", "disconnected"}});
}

Request anonymize_participant(std::string_view room_sid, std::string_view participant_sid)
{
    return post(room_path(room_sid) + "/Participants/" + url_encode(participant_sid) + "/Anonymize", {});
}

bool fits_path(std::string_view identity) noexcept
{
    return identity != "." && identity != ".." && identity.find_first_of("/?") == std::string_view::npos;
}

std::optional<Room> parse_room(std::string_view body)
{
    const auto object = Json::try_parse(body);
    return object ? read_room(*object) : std::nullopt;
}

std::optional<Participant> parse_participant(std::string_view body)
{
    const auto object = Json::try_parse(body);
    return object ? read_participant(*object) : std::nullopt;
}

std::optional<Page<Room>> parse_rooms(std::string_view body)
{
    return read_page(body, "rooms", read_room);
}

std::optional<Page<Participant>> parse_participants(std::string_view body)
{
    return read_page(body, "participants", read_participant);
}

ApiError parse_error(long http_status, std::string_view body)
{
    ApiError error;
    error.status = http_status;
    const auto object = Json::try_parse(body);
    if (!object || !object->is_object()) {
        error.message = make_valid_utf8(body, longest_error_text);
        return error;
    }
    const std::int64_t code = object->integer("code").value_or(0);
    error.code = code > 0 && code <= INT_MAX ? static_cast<int>(code) : 0;

    // RFC 9457: title is the kind of problem, detail this one, type a link.
    std::string message = object->string("message").value_or(object->string("title").value_or(""));
    if (const auto detail = object->string("detail"); detail && !detail->empty())
        message += (message.empty() ? "" : ": ") + *detail;
    error.message = make_valid_utf8(message, longest_error_text);
    error.more_info = make_valid_utf8(
        object->string("more_info").value_or(object->string("type").value_or("")), longest_error_text);
    return error;
}

}  // namespace videoroom::core
