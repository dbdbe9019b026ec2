#include "worker/actions/reads.hpp"

#include "core/text.hpp"
#include "core/url.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "worker/recording.hpp"

namespace videoroom::worker {
namespace {

constexpr int most_pages = 1000;  // of a thousand each

bool is_room_list(const Call &, const std::string &body, std::optional<core::Room> &)
{
    return core::parse_rooms(body).has_value();
}

void participants_read(Recording &recording)
{
    if (record_participants(recording))
        recording.finish();
}

}  // namespace

bool is_participant_list(const Call &, const std::string &body, std::optional<core::Room> &)
{
    return core::parse_participants(body).has_value();
}

bool record_participants(Recording &recording)
{
    const Call &call = recording.call();
    auto page = *core::parse_participants(recording.answered().answer.body);
    for (const core::Participant &participant : page.elements)
        recording.facts().connection(call.room_sid, participant, call.sent_at);
    auto more = next_page(call, page.next_page_url);
    if (!more)
        return true;
    recording.ask(std::move(*more));
    return false;
}

const Kind read_connected = {
    .action = core::Action::list, .readable = is_participant_list, .done = participants_read};

namespace {

const Kind read_disconnected = {
    .action = core::Action::list, .readable = is_participant_list, .done = participants_read};

Call read(const Kind &kind, core::Request request, std::string_view room_id, std::string_view room_sid)
{
    Call call;
    call.kind = &kind;
    call.request = std::move(request);
    call.room_id = room_id;
    call.room_sid = room_sid;
    return call;
}

void session_read(Recording &recording)
{
    const Call &call = recording.call();
    const core::Room &room = *recording.answered().room;
    recording.facts().session(call.room_id, room, call.sent_at);
    recording.facts().read(room.sid, call.sent_at);
    if (room.status == "in-progress")
        recording.ask(
            read(read_connected, core::list_participants(room.sid, "connected"), call.room_id, room.sid));
    recording.ask(
        read(read_disconnected, core::list_participants(room.sid, "disconnected"), call.room_id, room.sid));
}

const Kind one_session = {
    .action = core::Action::fetch_room, .readable = is_room_by_sid, .done = session_read};

// The reconciler takes the answers.
const Kind rooms_in_progress = {.action = core::Action::list, .readable = is_room_list, .done = nullptr};

}  // namespace

Call read_rooms()
{
    return read(rooms_in_progress, core::list_rooms(), "", "");
}

Call read_session(std::string_view room_id, std::string_view room_sid)
{
    return read(one_session, core::fetch_room(room_sid), room_id, room_sid);
}

std::optional<Call> next_page(const Call &call, const std::string &next_page_url)
{
    if (next_page_url.empty())
        return std::nullopt;
    if (!core::same_origin(next_page_url, pg::settings::api_url)) {
        std::string page = core::make_valid_utf8(next_page_url, 500);
        pg::call([&] {
            ereport(LOG, errmsg("a list of Twilio's goes on outside videoroom.api_url, and is not followed"),
                    errdetail("The next page is said to be \"%s\".", page.c_str()));
        });
        return std::nullopt;
    }
    if (call.pages >= most_pages) {
        pg::call(
            [] { ereport(LOG, errmsg("a list of Twilio's does not end, and is not followed any further")); });
        return std::nullopt;
    }
    Call next = call;
    next.pages++;
    next.request.path = core::parse_url(next_page_url)->path;
    return next;
}

}  // namespace videoroom::worker
