#include "api/seat_facts.hpp"

#include <cstring>
#include <tuple>

#include "pg/guard.hpp"
#include "pg/lookup.hpp"

namespace videoroom::api {
namespace {

int integer_option(Jsonb *options, const char *name)
{
    JsonbValue value;
    if (!getKeyJsonValueFromContainer(&options->root, name, static_cast<int>(strlen(name)), &value) ||
        value.type != jbvNumeric)
        ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("room has no option \"%s\"", name));
    return DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value.val.numeric)));
}

// Where others hold a lesser lock on the row besides, ours is not seen, and the join waits.
bool written_or_locked_here(HeapTupleHeader row)
{
    bool locked = HEAP_XMAX_IS_EXCL_LOCKED(row->t_infomask) && !(row->t_infomask & HEAP_XMAX_IS_MULTI);
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row)) ||
           (locked && TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmax(row)));
}

void read_room(const char *room_id, SeatFacts &facts)
{
    pg::Table rooms = pg::open_table("room", "room_pkey");
    ScanKeyData key = pg::equals(rooms, "room_id", room_id);
    pg::for_each(rooms, &key, 1, [&](HeapTuple row) {
        facts.known = true;
        facts.successor = pg::text_column(rooms, row, "successor");
        facts.ours = written_or_locked_here(row->t_data);
        facts.cancelled = pg::has(rooms, row, "cancelled_at");
        facts.over = pg::has(rooms, row, "ended_at") || pg::has(rooms, row, "closed_at");
        facts.opens_at = pg::time_column(rooms, row, "opens_at", 0);
        facts.closes_at = pg::time_column(rooms, row, "closes_at", 0);
        facts.completes_at = pg::time_column(rooms, row, "completes_at", 0);
        bool null = true;
        Jsonb *options = DatumGetJsonbP(pg::column(rooms, row, "options", &null));
        facts.empty_minutes = integer_option(options, "empty_room_timeout");
        facts.unused_minutes = integer_option(options, "unused_room_timeout");
    });
    pg::close_table(rooms);
}

void read_invitation(const char *room_id, const char *user_id, SeatFacts &facts)
{
    pg::Table participants = pg::open_table("participant", "participant_pkey");
    ScanKeyData keys[] = {pg::equals(participants, "room_id", room_id),
                          pg::equals(participants, "user_id", user_id)};
    pg::for_each(participants, keys, 2, [&](HeapTuple row) {
        facts.invited = true;
        facts.removed = pg::has(participants, row, "removed_at");
    });
    pg::close_table(participants);
}

// Twilio's answers tell whole seconds, its callbacks milliseconds: of two sessions that began in one second
// the open one is the newer.
bool newer(const SessionFacts &one, TimestampTz one_at, const SessionFacts &other, TimestampTz other_at)
{
    auto rank = [](const SessionFacts &session, TimestampTz at) {
        return std::tuple(at - at % USECS_PER_SEC, !session.ended, session.started_at);
    };
    auto left = rank(one, one_at);
    auto right = rank(other, other_at);
    return left > right || (left == right && strcmp(one.room_sid, other.room_sid) > 0);
}

void read_newest_session(const char *room_id, SessionFacts &newest)
{
    pg::Table sessions = pg::open_table("session", "session_room");
    ScanKeyData key = pg::equals(sessions, "room_id", room_id);
    TimestampTz newest_at = DT_NOBEGIN;
    pg::for_each(sessions, &key, 1, [&](HeapTuple row) {
        SessionFacts session;
        session.room_sid = pg::text_column(sessions, row, "room_sid");
        session.started_at = pg::time_column(sessions, row, "started_at", DT_NOBEGIN);
        session.seen_alive_at = pg::time_column(sessions, row, "seen_alive_at", DT_NOBEGIN);
        TimestampTz ended_at = pg::time_column(sessions, row, "ended_at", DT_NOBEGIN);
        session.ended = ended_at != DT_NOBEGIN;
        TimestampTz at = ended_at;
        if (session.seen_alive_at != DT_NOBEGIN)
            at = session.seen_alive_at;
        if (session.started_at != DT_NOBEGIN)
            at = session.started_at;
        if (!newest.room_sid || newer(session, at, newest, newest_at)) {
            newest = session;
            newest_at = at;
        }
    });
    pg::close_table(sessions);
}

void read_connections(SessionFacts &session)
{
    pg::Table connections = pg::open_table("connection", "connection_session");
    ScanKeyData key = pg::equals(connections, "room_sid", session.room_sid);
    pg::for_each(connections, &key, 1, [&](HeapTuple row) {
        TimestampTz left = pg::time_column(connections, row, "disconnected_at", DT_NOBEGIN);
        session.visited = true;
        session.occupied = session.occupied || left == DT_NOBEGIN;
        session.last_left = Max(session.last_left, left);
    });
    pg::close_table(connections);
}

}  // namespace

SeatFacts read_seat_facts(const char *room_id, const char *user_id)
{
    return pg::call([&] {
        CHECK_FOR_INTERRUPTS();  // a chain of successors may be long
        SeatFacts facts;
        PushActiveSnapshot(GetLatestSnapshot());
        read_room(room_id, facts);
        if (facts.known && !facts.successor) {
            read_invitation(room_id, user_id, facts);
            read_newest_session(room_id, facts.session);
            if (facts.session.room_sid && !facts.session.ended)
                read_connections(facts.session);
        }
        PopActiveSnapshot();
        return facts;
    });
}

}  // namespace videoroom::api
