#include "control.hpp"

#include <stdexcept>

#include "control_input.hpp"
#include "render.hpp"

namespace sim {

Reply Control::handle(const std::string &method, const std::string &path, const Form &query,
                      const std::string &body)
{
    try {
        std::string problem;
        auto given = body.empty() ? std::optional(Json::object()) : Json::parse(body, &problem);
        if (!given)
            refuse("the body is not JSON: " + problem);
        std::string command = method + " " + path;
        return {.body = route(command, query, *given).dump(), .headers = {}};
    } catch (const ApiError &error) {
        return twilio_.rest.refuse(error);
    } catch (const std::invalid_argument &error) {
        return {.status = 400, .body = Json::object().set("error", error.what()).dump(), .headers = {}};
    }
}

Json Control::route(const std::string &command, const Form &query, const Json &given)
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

Json Control::clock(const Json &given)
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

Json Control::requests(const Form &query)
{
    return twilio_.ledger.requests({.since = number_of(query, "since"),
                                    .method = value_of(query, "method").value_or(""),
                                    .room = value_of(query, "room").value_or(""),
                                    .path = value_of(query, "path").value_or("")});
}

Json Control::ledger(const Form &query)
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

Json Control::release(const Json &given)
{
    known_members(given, {"ids", "shuffled"});
    std::vector<std::int64_t> ids;
    for (const Json &id : given.get("ids").items())
        ids.push_back(id.integer());
    return Json::object().set("released", twilio_.callbacks.release(ids, given.get("shuffled").boolean()));
}

Json Control::resend(const Json &given)
{
    known_members(given, {"id"});
    if (!twilio_.callbacks.resend(given.get("id").integer()))
        refuse("no callback has this id");
    return Json::object();
}

Json Control::drain(const Json &given)
{
    known_members(given, {"timeout_ms"});
    std::int64_t longest_ms = given.has("timeout_ms") ? given.get("timeout_ms").integer() : 10'000;
    return Json::object().set("drained", twilio_.callbacks.drain(longest_ms * millisecond));
}

Json Control::change_settings(const Json &given)
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
    twilio_.callbacks.reset();  // a room may have ended in between
    twilio_.ledger.reset();
    twilio_.settings.reset();
    twilio_.clock.reset();
    twilio_.reads.reset();
    twilio_.writes.reset();
    return Json::object();
}

}  // namespace sim
