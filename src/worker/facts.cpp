#include "worker/facts.hpp"

#include <algorithm>
#include <set>

namespace videoroom::worker {
namespace {

// Of a session just made nobody knows yet, as a rule: then there is nothing to merge with.
pg::Statement insert_sessions = {R"(
    WITH new AS (
        INSERT INTO videoroom.session (room_sid, room_id, started_rest, ended_rest, seen_alive_at)
        SELECT f.room_sid, f.room_id, f.started, coalesce(f.ended, f.over), f.alive
          FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),
                          pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6))
               AS f (room_id, room_sid, started, ended, alive, over)
        ON CONFLICT (room_sid) DO NOTHING
        RETURNING room_sid, room_id),
    noted AS (
        INSERT INTO videoroom.event (room_id, kind, detail)
        SELECT new.room_id, 'session-started', pg_catalog.jsonb_build_object('room_sid', new.room_sid) FROM new)
    SELECT new.room_sid FROM new)"};

// Twilio: every date may be null. An end without one is dated by when it was asked about, `over`, unless one
// is known.
pg::Statement record_sessions = {R"(
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT new.room_id, new.event, pg_catalog.jsonb_build_object('room_sid', new.room_sid)
      FROM (SELECT f.room_id, f.room_sid,
                   CASE WHEN videoroom.record_session(
                                 f.room_id, f.room_sid, NULL, f.started, NULL,
                                 coalesce(f.ended, (SELECT f.over WHERE NOT EXISTS (
                                     SELECT FROM videoroom.session s
                                      WHERE s.room_sid = f.room_sid AND s.ended_at IS NOT NULL))), f.alive)
                        THEN f.event END AS event
              FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),
                              pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6),
                              pg_catalog.unnest($7))
                   AS f (room_id, room_sid, event, started, ended, alive, over)
            OFFSET 0) AS new
     WHERE new.event IS NOT NULL)"};
pg::Statement record_connections = {R"(
    SELECT videoroom.record_connection(
               f.participant_sid, f.room_sid, f.user_id, NULL, f.connected, NULL,
               coalesce(f.disconnected, (SELECT f.over WHERE NOT EXISTS (
                   SELECT FROM videoroom.connection c
                    WHERE c.participant_sid = f.participant_sid AND c.disconnected_at IS NOT NULL))),
               f.duration::pg_catalog.int4)
      FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),
                      pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6),
                      pg_catalog.unnest($7))
           AS f (participant_sid, room_sid, user_id, connected, disconnected, over, duration))"};
pg::Statement mark_read = {R"(
    UPDATE videoroom.session s SET read_at = f.at
      FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS f (room_sid, at)
     WHERE s.room_sid = f.room_sid)"};
pg::Statement finish_rows = {"DELETE FROM videoroom.outbox WHERE id = ANY ($1)"};
pg::Statement settle_rooms = {"SELECT videoroom.settle_rooms($1)"};
pg::Statement end_deserted = {"SELECT videoroom.end_deserted($1)"};

std::optional<TimestampTz> to_server(std::optional<core::Time> time)
{
    return time ? std::optional(pg::to_server(*time)) : std::nullopt;
}

// Twilio: end_time may be absent from an answer that says completed; what else it holds dates the end then.
std::optional<TimestampTz> end_of(const core::Room &room)
{
    if (room.end_time)
        return to_server(room.end_time);
    if (room.date_created && room.duration)
        return pg::to_server(*room.date_created + *room.duration * core::second);
    return to_server(room.date_updated ? room.date_updated : room.date_created);
}

}  // namespace

void Facts::Sessions::add(const std::string &room, const core::Room &session, TimestampTz asked_at,
                          const char *kind)
{
    bool is_over = session.status != "in-progress";
    room_id.push_back(room);
    room_sid.push_back(session.sid);
    event.push_back(kind ? std::optional<std::string>(kind) : std::nullopt);
    started.push_back(to_server(session.date_created));
    ended.push_back(is_over ? end_of(session) : std::nullopt);
    alive.push_back(is_over ? std::nullopt : std::optional(asked_at));
    over.push_back(is_over ? std::optional(asked_at) : std::nullopt);
}

void Facts::Sessions::add(const Sessions &others, std::size_t number)
{
    room_id.push_back(others.room_id[number]);
    room_sid.push_back(others.room_sid[number]);
    event.push_back(others.event[number]);
    started.push_back(others.started[number]);
    ended.push_back(others.ended[number]);
    alive.push_back(others.alive[number]);
    over.push_back(others.over[number]);
}

void Facts::made(const std::string &room_id, const core::Room &room, TimestampTz asked_at)
{
    made_.add(room_id, room, asked_at, "session-started");
}

void Facts::session(const std::string &room_id, const core::Room &room, TimestampTz asked_at,
                    const char *event)
{
    sessions_.add(room_id, room, asked_at, event);
}

void Facts::connection(const std::string &room_sid, const core::Participant &participant,
                       TimestampTz asked_at)
{
    bool over = participant.status == "disconnected";
    auto start = participant.start_time ? participant.start_time : participant.date_created;
    auto end = participant.end_time ? participant.end_time : participant.date_updated;
    connections_.participant_sid.push_back(participant.sid);
    connections_.room_sid.push_back(room_sid);
    connections_.user_id.push_back(participant.identity);
    connections_.connected.push_back(to_server(start));
    connections_.disconnected.push_back(over ? to_server(end) : std::nullopt);
    connections_.over.push_back(over ? std::optional(asked_at) : std::nullopt);
    connections_.duration.push_back(over ? participant.duration : std::nullopt);
}

void Facts::read(const std::string &room_sid, TimestampTz at)
{
    reads_.room_sid.push_back(room_sid);
    reads_.at.emplace_back(at);
}

void Facts::done(int64 outbox_id)
{
    done_.push_back(outbox_id);
}

void Facts::about(const std::string &room_id)
{
    if (std::find(rooms_.begin(), rooms_.end(), room_id) == rooms_.end())
        rooms_.push_back(room_id);
}

// Writes the sessions that were made; gives all that are known already.
Facts::Sessions Facts::still_to_merge(pg::Spi &spi) const
{
    Sessions sessions = sessions_;
    if (made_.room_sid.empty())
        return sessions;
    pg::Rows rows =
        spi.execute(insert_sessions, {pg::text_array(made_.room_id), pg::text_array(made_.room_sid),
                                      pg::timestamp_array(made_.started), pg::timestamp_array(made_.ended),
                                      pg::timestamp_array(made_.alive), pg::timestamp_array(made_.over)});
    const std::vector<std::string> texts = rows.texts();
    const std::set<std::string> written(texts.begin(), texts.end());
    for (std::size_t i = 0; i < made_.room_sid.size(); i++)
        if (!written.contains(made_.room_sid[i]))
            sessions.add(made_, i);
    return sessions;
}

void Facts::write(pg::Spi &spi) const
{
    const Sessions sessions = still_to_merge(spi);
    if (!sessions.room_id.empty())
        spi.execute(record_sessions,
                    {pg::text_array(sessions.room_id), pg::text_array(sessions.room_sid),
                     pg::text_array(sessions.event), pg::timestamp_array(sessions.started),
                     pg::timestamp_array(sessions.ended), pg::timestamp_array(sessions.alive),
                     pg::timestamp_array(sessions.over)});
    if (!connections_.participant_sid.empty())
        spi.execute(record_connections,
                    {pg::text_array(connections_.participant_sid), pg::text_array(connections_.room_sid),
                     pg::text_array(connections_.user_id), pg::timestamp_array(connections_.connected),
                     pg::timestamp_array(connections_.disconnected), pg::timestamp_array(connections_.over),
                     pg::bigint_array(connections_.duration)});
    if (!reads_.room_sid.empty())
        spi.execute(mark_read, {pg::text_array(reads_.room_sid), pg::timestamp_array(reads_.at)});
    if (!done_.empty())
        spi.execute(finish_rows, {pg::bigint_array(done_)});
    spi.execute(settle_rooms, {pg::text_array(rooms_)});
    if (!connections_.participant_sid.empty() || !sessions_.room_sid.empty())
        spi.execute(end_deserted, {pg::text_array(rooms_)});
}

}  // namespace videoroom::worker
