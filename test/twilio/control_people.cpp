// The control commands about people and rooms: they come, go, and are looked at.
#include "access_token.hpp"
#include "control.hpp"
#include "control_input.hpp"
#include "render.hpp"

namespace sim {

namespace {

Json person(const Participant &participant, const Settings &settings)
{
    return render(participant, settings, "").set("participant_sid", participant.sid);
}

}  // namespace

Json Control::connect(const Json &given)
{
    known_members(given, {"room", "identity", "token"});
    auto settings = twilio_.settings.get();
    Join join;
    if (given.has("token")) {
        TokenClaims claims = verify_token(required_text(given, "token"), *settings, twilio_.clock.now());
        join = {claims.room.value_or(""), claims.identity, claims.room, claims.expires_at};
    } else {
        join.identity = required_text(given, "identity");
    }
    if (given.has("room"))
        join.room = required_text(given, "room");
    if (join.room.empty())
        refuse("neither the command nor the token names a room");
    return person(twilio_.world.connect(join), *settings);
}

Json Control::disconnect(const Json &given)
{
    known_members(given, {"participant_sid", "room", "identity", "late"});
    auto settings = twilio_.settings.get();
    std::string sid =
        given.has("participant_sid")
            ? required_text(given, "participant_sid")
            : twilio_.world.participant(required_text(given, "room"), required_text(given, "identity")).sid;
    std::optional<Time> late;
    if (given.get("late").boolean())
        late = settings->late_disconnect_seconds * second;
    else if (given.get("late").is_number())
        late = static_cast<Time>(given.get("late").number() * second);
    return person(twilio_.world.disconnect(sid, late), *settings);
}

Json Control::track(const Json &given)
{
    known_members(given, {"participant_sid", "event", "kind"});
    std::string event = given.has("event") ? required_text(given, "event") : "track-added";
    std::string kind = given.has("kind") ? required_text(given, "kind") : "video";
    if (event != "track-added" && event != "track-removed" && event != "track-enabled" &&
        event != "track-disabled")
        refuse("event must be track-added, track-removed, track-enabled or track-disabled");
    if (kind != "audio" && kind != "video" && kind != "data")
        refuse("kind must be audio, video or data");
    twilio_.world.track(required_text(given, "participant_sid"), event, kind);
    return Json::object();
}

Json Control::rooms(const Form &query)
{
    auto settings = twilio_.settings.get();
    Time now = twilio_.clock.now();
    Json list = Json::array();
    for (const Snapshot &snapshot : twilio_.world.snapshots(value_of(query, "room").value_or(""))) {
        Json people = Json::array(), history = Json::array();
        for (const Participant &participant : snapshot.participants)
            people.append(render(participant, *settings, ""));
        for (const HistoryEntry &entry : snapshot.history)
            history.append(Json::object()
                               .set("at", format_milliseconds(entry.at))
                               .set("what", entry.what)
                               .set("participant_sid", entry.participant_sid)
                               .set("why", entry.why));
        list.append(render(snapshot.room, *settings, "", now)
                        .set("ad_hoc", snapshot.room.ad_hoc)
                        .set("participants", people)
                        .set("history", history));
    }
    return list;
}

}  // namespace sim
