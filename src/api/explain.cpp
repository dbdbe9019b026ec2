// Why a person can or cannot join now: what a join would find, rule by rule. Writes nothing, and asks for no
// room.
#include <optional>
#include <string>
#include <vector>

#include "api/admission.hpp"
#include "api/arguments.hpp"
#include "api/link.hpp"
#include "api/seat.hpp"
#include "pg/settings.hpp"

namespace videoroom::api {
namespace {

constexpr const char *kept = "ok";

struct Finding {
    std::string what;
    std::string verdict;  // ok, wait, or what a join would answer: SQLSTATE and reason
    std::string detail;
};

std::string verdict_of(const Refusal &refusal)
{
    return std::string(unpack_sql_state(refusal.sqlstate)) + " " + refusal.reason;
}

Finding apply(const Rule &rule, const SeatFacts &facts, TimestampTz now)
{
    const Refusal *broken = rule.broken(facts, now);
    if (!broken)
        return {rule.what, kept, rule.kept_means};
    if (broken == &refusal::not_open)
        return {rule.what, verdict_of(*broken), "the room opens at " + pg::format_time(facts.opens_at)};
    return {rule.what, verdict_of(*broken), rule.broken_means};
}

Finding check_links()
{
    try {
        check_links_possible();
        return {"link", kept, "link template and credentials are there"};
    } catch (const pg::Failure &failure) {
        return {"link", unpack_sql_state(failure.sqlstate()),
                std::string(failure.what()) + ": see videoroom_health()"};
    }
}

std::string state_of(const SessionFacts &session)
{
    if (!session.room_sid)
        return "none was made yet";
    std::string sid = session.room_sid;
    return session.ended ? sid + " has ended" : sid + " was left alone for so long that Twilio ends it";
}

const char *means(const Refusal &refusal)
{
    if (&refusal == &refusal::standby)
        return "this is a standby: a join of it on the primary has the room made";
    if (&refusal == &refusal::uncommitted)
        return "this very transaction made, changed or locked the room: commit";
    if (&refusal == &refusal::failed)
        return "making it was given up: the call below says why; videoroom_retry() tries again";
    if (&refusal == &refusal::refused)
        return "Twilio has refused to make it for a minute: the call below says why, and is tried again";
    if (&refusal == &refusal::no_worker)
        return "no worker runs here to make it: see check worker of videoroom_health()";
    if (&refusal == &refusal::paused)
        return "calls to Twilio are held back: see checks worker and account of videoroom_health()";
    return "too many joins wait already: see videoroom.max_waiting";
}

Finding check_session(const std::string &room_id, const SeatFacts &facts, TimestampTz now)
{
    if (usable(facts, now))
        return {"session", kept, std::string(facts.session.room_sid) + " can be joined"};
    pg::Spi spi;
    const Obstacle obstacle = hopeless(spi, room_id, facts);
    const Refusal *refusal = obstacle.refusal ? obstacle.refusal : refusal_for(pg::would_admit(room_id));
    if (refusal)
        return {"session", verdict_of(*refusal), state_of(facts.session) + "; " + means(*refusal)};
    if (pg::settings::join_wait == 0)
        return {
            "session", verdict_of(refusal::not_ready),
            state_of(facts.session) + "; a join has one made, but videoroom.join_wait lets none wait for it"};
    return {"session", "wait",
            state_of(facts.session) + "; a join has one made, and waits " +
                std::to_string(pg::settings::join_wait) + " ms for it at most"};
}

// No user: what holds for anybody on the list.
std::vector<Finding> check_join(const std::string &asked_for, const std::optional<std::string> &user_id)
{
    std::string room_id = asked_for;
    SeatFacts facts = read_newest_facts(room_id, user_id.value_or(""));
    if (!facts.known)
        return {{"room", verdict_of(refusal::unknown_room), "there is no such room, or no more"}};

    TimestampTz now = GetCurrentTimestamp();
    std::vector<Finding> findings;
    findings.push_back({"room", kept,
                        room_id == asked_for ? "there is such a room"
                                             : "room " + room_id + " has taken its place: joins go there"});
    for (const Rule &rule : admission_rules())
        if (user_id || !rule.personal)
            findings.push_back(apply(rule, facts, now));
    findings.push_back(check_links());
    findings.push_back(check_session(room_id, facts, now));
    return findings;
}

// What it comes to: a join answers with the first rule that is broken.
Finding conclude(const std::vector<Finding> &findings)
{
    for (const Finding &finding : findings)
        if (finding.verdict != kept)
            return {"join", finding.verdict, finding.detail};
    return {"join", kept, "would get a link"};
}

void put(const ReturnSetInfo *result, const Finding &finding)
{
    Datum values[] = {CStringGetTextDatum(finding.what.c_str()), CStringGetTextDatum(finding.verdict.c_str()),
                      CStringGetTextDatum(finding.detail.c_str())};
    bool nulls[] = {false, false, false};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_check_join)
{
    Arguments arguments(fcinfo);
    std::string room_id = arguments.id(0, "room_id");
    std::optional<std::string> user_id;
    if (arguments.given(1))
        user_id = arguments.id(1, "user_id");
    std::vector<Finding> findings = check_join(room_id, user_id);
    Finding conclusion = conclude(findings);
    pg::call([&] {
        InitMaterializedSRF(fcinfo, 0);
        auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
        put(result, conclusion);
        for (const Finding &finding : findings)
            put(result, finding);
    });
    return 0;
}

}  // namespace videoroom::api
