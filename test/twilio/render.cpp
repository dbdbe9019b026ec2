#include "render.hpp"

namespace sim {

namespace {

std::string participant_url(const Participant &participant, const std::string &base)
{
    return base + "/v1/Rooms/" + participant.room_sid + "/Participants/" + participant.sid;
}

// the members that both answers of a participant have
Json participant_members(const Participant &participant, const Settings &settings)
{
    auto seconds = [](std::optional<Time> time) { return time ? Json(format_seconds(*time)) : Json(); };
    return Json::object()
        .set("account_sid", settings.account_sid)
        .set("room_sid", participant.room_sid)
        .set("sid", participant.sid)
        .set("identity", participant.identity)
        .set("status", participant.status)
        .set("date_created", format_seconds(participant.created_at))
        .set("date_updated", format_seconds(participant.updated_at))
        .set("start_time", format_seconds(participant.created_at))
        .set("end_time", seconds(participant.ended_at))
        .set("duration",
             participant.ended_at ? Json((*participant.ended_at - participant.created_at) / second) : Json());
}

std::string page_url(const PageUrls &urls, std::int64_t page, const std::string &token)
{
    Form query = urls.filters;
    query.emplace_back("PageSize", std::to_string(urls.page_size));
    query.emplace_back("Page", std::to_string(page));
    if (!token.empty())
        query.emplace_back("PageToken", token);
    return urls.base + urls.path + "?" + encode_form(query);
}

}  // namespace

Json render(const Room &room, const Settings &settings, const std::string &base, Time now)
{
    std::string url = base + "/v1/Rooms/" + room.sid;
    Json codecs = Json::array();
    for (const std::string &codec : room.video_codecs)
        codecs.append(codec);
    Json links = Json::object()
                     .set("participants", url + "/Participants")
                     .set("recordings", url + "/Recordings")
                     .set("transcriptions", url + "/Transcriptions")
                     .set("recording_rules", url + "/RecordingRules");
    std::optional<Time> end = room.ended_at;
    if (!end && settings.print_open_end)
        end = now;
    return Json::object()
        .set("account_sid", settings.account_sid)
        .set("date_created", format_seconds(room.created_at))
        .set("date_updated", format_seconds(room.updated_at))
        .set("status", room.status)
        .set("type", room.type)
        .set("sid", room.sid)
        .set("enable_turn", true)
        .set("unique_name", room.unique_name)
        .set("max_participants", room.max_participants)
        .set("max_participant_duration", room.max_participant_duration)
        .set("max_concurrent_published_tracks", room.type == "group" ? 170 : 16)
        .set("duration", end ? Json((*end - room.created_at) / second) : Json())
        .set("status_callback_method", room.status_callback_method)
        .set("status_callback", room.status_callback.empty() ? Json() : Json(room.status_callback))
        .set("record_participants_on_connect", room.record_participants_on_connect)
        .set("video_codecs", codecs)
        .set("media_region", room.media_region)
        .set("audio_only", room.audio_only)
        .set("empty_room_timeout", room.empty_room_timeout)
        .set("unused_room_timeout", room.unused_room_timeout)
        .set("end_time", end ? Json(format_seconds(*end)) : Json())
        .set("large_room", room.large_room)
        .set("url", url)
        .set("links", links);
}

Json render(const Participant &participant, const Settings &settings, const std::string &base)
{
    std::string url = participant_url(participant, base);
    Json links = Json::object()
                     .set("published_tracks", url + "/PublishedTracks")
                     .set("subscribed_tracks", url + "/SubscribedTracks")
                     .set("subscribe_rules", url + "/SubscribeRules")
                     .set("anonymize", url + "/Anonymize");
    return participant_members(participant, settings).set("url", url).set("links", links);
}

Json render_anonymized(const Participant &participant, const Settings &settings, const std::string &base)
{
    return participant_members(participant, settings)
        .set("url", participant_url(participant, base) + "/Anonymize");
}

Json render_meta(const PageUrls &urls)
{
    // going back is not offered, Twilio's own examples never show a previous page
    return Json::object()
        .set("page", urls.page)
        .set("page_size", urls.page_size)
        .set("first_page_url", page_url(urls, 0, ""))
        .set("previous_page_url", Json())
        .set("url", page_url(urls, urls.page, urls.token))
        .set("next_page_url", urls.more ? Json(page_url(urls, urls.page + 1, "PT" + urls.last_sid)) : Json())
        .set("key", urls.key);
}

}  // namespace sim
