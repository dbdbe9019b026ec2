#include <algorithm>

#include "api/admission.hpp"
#include "api/arguments.hpp"
#include "api/join_report.hpp"
#include "api/link.hpp"
#include "api/refusal.hpp"
#include "api/seat.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "pg/json_member.hpp"
#include "pg/mailbox.hpp"
#include "pg/settings.hpp"

namespace videoroom::api {
namespace {

// Where no session can come, waiting would only hold a connection.
void refuse_if(const Obstacle &obstacle)
{
    if (obstacle.refusal)
        refuse(*obstacle.refusal, obstacle.code.empty() ? "" : "code", obstacle.code);
}

// Nobody waits into the caller's own time limit: PT503 tells them more than a cancelled statement.
TimestampTz wait_until()
{
    constexpr TimestampTz to_answer = 200 * core::millisecond;
    TimestampTz limit = pg::cancelled_at();
    TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pg::settings::join_wait);
    return limit == DT_NOEND ? deadline : std::min(deadline, limit - to_answer);
}

// Waits for the session of the seat's room; gives the seat as it is then, perhaps in the room's successor.
Seat wait_for_session(pg::Spi &spi, const Seat &seat, const std::string &user_id, TimestampTz deadline)
{
    pg::Wait wait(seat.room_id);
    for (bool last = false;;) {
        Seat now = find_seat(seat.room_id, user_id);
        if (now.room_sid || now.room_id != seat.room_id)
            return now;
        if (last)
            refuse(refusal::not_ready);
        refuse_if(hopeless(spi, now.room_id, now.facts));
        refuse_if({refusal_for(wait.admission())});
        last = !wait.sleep(deadline);
    }
}

Link join(const std::string &room_id, const std::string &user_id)
{
    Seat seat = find_seat(room_id, user_id);
    check_links_possible();
    if (!seat.room_sid) {
        pg::Spi spi;
        TimestampTz deadline = wait_until();
        while (!seat.room_sid) {
            refuse_if(hopeless(spi, seat.room_id, seat.facts));
            seat = wait_for_session(spi, seat, user_id, deadline);
        }
    }
    return make_link(seat, user_id);
}

std::optional<std::string> follow(std::string_view object, std::string_view path)
{
    const auto dot = path.find('.');
    std::optional<std::string> member = pg::json_member(object, path.substr(0, dot));
    return member && dot != std::string_view::npos ? follow(*member, path.substr(dot + 1)) : member;
}

// The claim of exactly that name, else the one at the end of that path, such as app_metadata.user_id.
std::optional<std::string> find_claim(std::string_view claims, std::string_view name)
{
    std::optional<std::string> claim = pg::json_member(claims, name);
    return claim ? claim : follow(claims, name);
}

// A string, or an integer as its digits.
std::optional<std::string> text_of(const std::string &claim)
{
    bool digits = claim.find_first_not_of("0123456789", claim.starts_with('-')) == std::string::npos;
    if (digits && !claim.empty())
        return claim;
    std::optional<core::Json> parsed = core::Json::try_parse('[' + claim + ']');
    return parsed && !parsed->items().empty() ? parsed->items()[0].as_string() : std::nullopt;
}

// Who the caller is, by the claims that PostgREST has verified.
std::string claimed_user()
{
    const char *claims = pg::call([] { return GetConfigOption("request.jwt.claims", true, false); });
    std::optional<std::string> claim = find_claim(claims ? claims : "", pg::settings::identity_claim);
    if (!claim)
        refuse(refusal::no_claim);
    std::optional<std::string> user = text_of(*claim);
    if (!user)
        refuse(refusal::bad_claim);
    try {
        core::check_id("user_id", *user);
    } catch (const core::InvalidInput &) {
        refuse(refusal::bad_claim);
    }
    return *user;
}

// The one-argument join names nobody: the claims do.
Link reported_join(const std::string &room_id, std::optional<std::string> user_id)
{
    try {
        if (!user_id)
            user_id = claimed_user();
        Link link = join(room_id, *user_id);
        report_join(room_id, user_id, JoinOutcome::ok);
        return link;
    } catch (const Refused &refused) {
        bool later = refused.sqlstate() == refusal::unavailable;
        report_join(room_id, user_id, later ? JoinOutcome::unavailable : JoinOutcome::refused,
                    refused.reason());
        throw;
    } catch (const pg::Failure &failure) {
        report_join(room_id, user_id, JoinOutcome::failed, unpack_sql_state(failure.sqlstate()));
        throw;
    } catch (const pg::Error &error) {
        report_join(room_id, user_id, JoinOutcome::failed, unpack_sql_state(error.data()->sqlerrcode));
        throw;
    } catch (...) {
        report_join(room_id, user_id, JoinOutcome::failed, unpack_sql_state(ERRCODE_INTERNAL_ERROR));
        throw;
    }
}

Datum link_row(FunctionCallInfo fcinfo, const Link &link)
{
    return pg::call([&] {
        Datum values[] = {
            CStringGetTextDatum(link.room_id.c_str()), CStringGetTextDatum(link.room_sid.c_str()),
            CStringGetTextDatum(link.user_id.c_str()), CStringGetTextDatum(link.url.c_str()),
            CStringGetTextDatum(link.token.c_str()),   TimestampTzGetDatum(link.expires_at)};
        bool nulls[] = {false, false, false, false, false, false};
        return HeapTupleGetDatum(heap_form_tuple(pg::result_row(fcinfo), values, nulls));
    });
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_join)
{
    Arguments arguments(fcinfo);
    std::string room_id = arguments.id(0, "room_id");
    return link_row(fcinfo, reported_join(room_id, arguments.id(1, "user_id")));
}

VIDEOROOM_FUNCTION(videoroom_join_claimed)
{
    std::string room_id = Arguments(fcinfo).id(0, "room_id");
    return link_row(fcinfo, reported_join(room_id, std::nullopt));
}

}  // namespace videoroom::api
