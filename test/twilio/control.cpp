#include "control.hpp"

#include <algorithm>
#include <stdexcept>

#include "access_token.hpp"
#include "render.hpp"

namespace sim {

namespace {

[[noreturn]] void refuse(const std::string& what)
{
    throw std::invalid_argument(what);
}

std::int64_t number_of(const Form& query, const std::string& name)
{
    std::string text = value_of(query, name).value_or("0");
    try {
        return std::stoll(text);
    } catch (const std::exception&) {
        refuse(name + " must be a number");
    }
}

void known_members(const Json& given, std::initializer_list<std::string_view> known)
{
    for (const std::string& name : given.keys())
        if (std::find(known.begin(), known.end(), name) == known.end())
            refuse("unknown member: " + name);
}

std::string required_text(const Json& given, const std::string& name)
{
    if (!given.get(name).is_string())
        refuse("missing or not a string: " + name);
    return given.get(name).text();
}

Json person(const Participant& participant, const Settings& settings)
{
    return render(participant, settings, "").set("participant_sid", participant.sid);
}

}  // namespace

Twilio::Twilio(const Settings& initial, std::uint64_t seed)
    : settings(initial),
      random(seed),
      callbacks(settings, random),
      world(clock, settings, random, [this](const Notice& notice) { callbacks.add(notice); }),
      rest(world, settings, clock)
{
}

Reply Control::handle(const std::string& method, const std::string& path, const Form& query, const std::string& body)
{
    try {
        std::string problem;
        auto given = body.empty() ? std::optional(Json::object()) : Json::parse(body, &problem);
        if (!given)
            refuse("the body is not JSON: " + problem);
        std::string command = method + " " + path;
        return {.body = route(command, query, *given).dump(), .headers = {}};
    } catch (const ApiError& error) {
        return twilio_.rest.refuse(error);
    } catch (const std::invalid_argument& error) {
        return {.status = 400, .body = Json::object().set("error", error.what()).dump(), .headers = {}};
    }
}

Json Control::route(const std::string& command, const Form& query, const Json& given)
{
    if (command == "GET /sim/health")
        return Json::object().set("ok", true);
    if (command == "GET /sim/clock" || command == "POST /sim/clock")
        return clock(given);
    if (command == "POST /sim/connect")
        return connect(given);
    if (command == "POST /sim/disconnect")
        return disconnect(given);
    if (command == "POST /sim/track")
        return track(given);
    if (command == "POST /sim/end") {
        known_members(given, {"room", "status"});
        std::string status = given.has("status") ? required_text(given, "status") : "completed";
        if (status != "completed" && status != "failed")
            refuse("status must be completed or failed");
        Room room = twilio_.world.end(required_text(given, "room"), status);
        return render(room, *twilio_.settings.get(), "", twilio_.clock.now());
    }
    if (command == "GET /sim/rooms")
        return rooms(query);
    if (command == "GET /sim/requests")
        return requests(query);
    if (command == "GET /sim/violations")
        return twilio_.ledger.violations();
    if (command == "GET /sim/callbacks")
        return twilio_.callbacks.json(number_of(query, "since"), value_of(query, "room").value_or(""));
    if (command == "GET /sim/ledger")
        return ledger(query);
    if (command == "GET /sim/counts")
        return counts();
    if (command == "POST /sim/callbacks/release")
        return release(given);
    if (command == "POST /sim/callbacks/resend")
        return resend(given);
    if (command == "POST /sim/callbacks/drain")
        return drain(given);
    if (command == "GET /sim/faults")
        return twilio_.faults.json();
    if (command == "POST /sim/faults")
        return Json::object().set("ids", twilio_.faults.add(given));
    if (command == "DELETE /sim/faults") {
        twilio_.faults.clear();
        return Json::object();
    }
    if (command == "GET /sim/settings")
        return twilio_.settings.json();
    if (command == "POST /sim/settings")
        return change_settings(given);
    if (command == "POST /sim/reset")
        return reset();
    refuse("unknown command: " + command);
}

Json Control::clock(const Json& given)
{
    known_members(given, {"advance_seconds"});
    if (given.has("advance_seconds")) {
        if (!given.get("advance_seconds").is_number() || given.get("advance_seconds").number() < 0)
            refuse("advance_seconds must be a number that is not negative");
        twilio_.clock.advance(static_cast<Time>(given.get("advance_seconds").number() * second));
        twilio_.world.clock_moved();
    }
    return Json::object().set("now", format_milliseconds(twilio_.clock.now()));
}

Json Control::connect(const Json& given)
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

Json Control::disconnect(const Json& given)
{
    known_members(given, {"participant_sid", "room", "identity", "late"});
    auto settings = twilio_.settings.get();
    std::string sid = given.has("participant_sid")
                          ? required_text(given, "participant_sid")
                          : twilio_.world.participant(required_text(given, "room"), required_text(given, "identity")).sid;
    std::optional<Time> late;
    if (given.get("late").boolean())
        late = settings->late_disconnect_seconds * second;
    else if (given.get("late").is_number())
        late = static_cast<Time>(given.get("late").number() * second);
    return person(twilio_.world.disconnect(sid, late), *settings);
}

Json Control::track(const Json& given)
{
    known_members(given, {"participant_sid", "event", "kind"});
    std::string event = given.has("event") ? required_text(given, "event") : "track-added";
    std::string kind = given.has("kind") ? required_text(given, "kind") : "video";
    if (event != "track-added" && event != "track-removed" && event != "track-enabled" && event != "track-disabled")
        refuse("event must be track-added, track-removed, track-enabled or track-disabled");
    if (kind != "audio" && kind != "video" && kind != "data")
        refuse("kind must be audio, video or data");
    twilio_.world.track(required_text(given, "participant_sid"), event, kind);
    return Json::object();
}

Json Control::rooms(const Form& query)
{
    auto settings = twilio_.settings.get();
    Time now = twilio_.clock.now();
    Json list = Json::array();
    for (const Snapshot& snapshot : twilio_.world.snapshots(value_of(query, "room").value_or(""))) {
        Json people = Json::array(), history = Json::array();
        for (const Participant& participant : snapshot.participants)
            people.append(render(participant, *settings, ""));
        for (const HistoryEntry& entry : snapshot.history)
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

Json Control::requests(const Form& query)
{
    return twilio_.ledger.requests({.since = number_of(query, "since"),
                                    .method = value_of(query, "method").value_or(""),
                                    .room = value_of(query, "room").value_or(""),
                                    .path = value_of(query, "path").value_or("")});
}

Json Control::ledger(const Form& query)
{
    return Json::object()
        .set("counts", counts())
        .set("requests", requests(query))
        .set("violations", twilio_.ledger.violations())
        .set("rooms", rooms({}))
        .set("callbacks", twilio_.callbacks.json(0, ""));
}

Json Control::counts()
{
    return Json::object()
        .set("requests", twilio_.ledger.counts())
        .set("world", twilio_.world.counts())
        .set("callbacks", twilio_.callbacks.counts());
}

Json Control::release(const Json& given)
{
    known_members(given, {"ids", "shuffled"});
    std::vector<std::int64_t> ids;
    for (const Json& id : given.get("ids").items())
        ids.push_back(id.integer());
    return Json::object().set("released", twilio_.callbacks.release(ids, given.get("shuffled").boolean()));
}

Json Control::resend(const Json& given)
{
    known_members(given, {"id"});
    if (!twilio_.callbacks.resend(given.get("id").integer()))
        refuse("no callback has this id");
    return Json::object();
}

Json Control::drain(const Json& given)
{
    known_members(given, {"timeout_ms"});
    std::int64_t longest_ms = given.has("timeout_ms") ? given.get("timeout_ms").integer() : 10'000;
    return Json::object().set("drained", twilio_.callbacks.drain(longest_ms * millisecond));
}

Json Control::change_settings(const Json& given)
{
    std::string wrong = twilio_.settings.change(given);
    if (!wrong.empty())
        refuse(wrong);
    return twilio_.settings.json();
}

Json Control::reset()
{
    twilio_.faults.clear();
    twilio_.callbacks.reset();
    twilio_.world.reset();
    twilio_.callbacks.reset();   // a room may have ended in between
    twilio_.ledger.reset();
    twilio_.settings.reset();
    twilio_.clock.reset();
    twilio_.reads.reset();
    twilio_.writes.reset();
    return Json::object();
}

}  // namespace sim
