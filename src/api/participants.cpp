#include "api/participants.hpp"

#include "api/arguments.hpp"
#include "api/refusal.hpp"
#include "api/room.hpp"

namespace videoroom::api {
namespace {

pg::Statement invite_users{R"(
    WITH invited AS (
        INSERT INTO videoroom.participant AS p (room_id, user_id)
        SELECT DISTINCT $1, u.user_id FROM pg_catalog.unnest($2) u (user_id)
        ON CONFLICT (room_id, user_id) DO UPDATE
           SET removed_at = NULL, invited_at = pg_catalog.clock_timestamp()
         WHERE p.removed_at IS NOT NULL
        RETURNING user_id)
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT $1, 'participants-added',
           pg_catalog.jsonb_build_object('user_ids', pg_catalog.jsonb_agg(invited.user_id ORDER BY invited.user_id))
      FROM invited
    HAVING pg_catalog.count(*) > 0)"};

// Under the latest snapshot, since others may have invited while we waited for the room.
pg::Statement count_invited{R"(
    SELECT pg_catalog.count(*) FROM videoroom.participant p WHERE p.room_id = $1 AND p.removed_at IS NULL)"};

// Whoever is welcome again is not put out any more, unless the call has left already.
pg::Statement forget_removals{R"(
    DELETE FROM videoroom.outbox o
     WHERE o.room_id = $1 AND o.action = 'remove-participant' AND o.sent_at IS NULL
       AND (o.target IN (SELECT 'identity/' || u.user_id FROM pg_catalog.unnest($2) u (user_id))
            OR o.target IN (SELECT c.participant_sid
                              FROM videoroom.session s
                              JOIN videoroom.connection c ON c.room_sid = s.room_sid
                             WHERE s.room_id = $1 AND c.user_id = ANY ($2))))"};

pg::Statement put_user_out{R"(
    WITH removed AS (
        UPDATE videoroom.participant p SET removed_at = pg_catalog.clock_timestamp()
         WHERE p.room_id = $1 AND p.user_id = $2 AND p.removed_at IS NULL
        RETURNING p.user_id)
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT $1, 'participant-removed', pg_catalog.jsonb_build_object('user_id', removed.user_id) FROM removed)"};

// Whoever came uninvited is on the list from now on, as one who was put out the moment they were on it.
pg::Statement note_uninvited{R"(
    WITH noted AS (
        INSERT INTO videoroom.participant (room_id, user_id, invited_at, removed_at)
        SELECT $1, $2, moment.at, moment.at
          FROM (SELECT pg_catalog.clock_timestamp() AS at OFFSET 0) AS moment
         WHERE EXISTS (SELECT FROM videoroom.session s
                         JOIN videoroom.connection c ON c.room_sid = s.room_sid
                        WHERE s.room_id = $1 AND c.user_id = $2)
        ON CONFLICT (room_id, user_id) DO NOTHING
        RETURNING user_id)
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT $1, 'participant-removed', pg_catalog.jsonb_build_object('user_id', noted.user_id) FROM noted)"};

pg::Statement find_participant{"SELECT FROM videoroom.participant p WHERE p.room_id = $1 AND p.user_id = $2"};

// Somebody may be in the call of whose connection we have not heard: a session is open, or may be already.
pg::Statement may_be_inside{R"(
    SELECT (EXISTS (SELECT FROM videoroom.session s WHERE s.room_id = $1 AND s.ended_at IS NULL)
            OR EXISTS (SELECT FROM videoroom.outbox o
                        WHERE o.room_id = $1 AND o.action = 'create-room' AND o.dead_at IS NULL
                          AND o.sent_at IS NOT NULL))
           AND NOT EXISTS (SELECT FROM videoroom.session s
                             JOIN videoroom.connection c ON c.room_sid = s.room_sid
                            WHERE s.room_id = $1 AND s.ended_at IS NULL
                              AND c.user_id = $2 AND c.disconnected_at IS NULL))"};

void add_participants(const std::string &room_id, const std::vector<std::string> &users)
{
    pg::Spi spi;
    Room room = lock_newest_room(spi, room_id);
    check_open(room);
    invite(spi, room.room_id, users);
}

// Works on a closed room too: a call goes on after the doors have closed.
void remove_participant(const std::string &room_id, const std::string &user_id)
{
    pg::Spi spi;
    Room room = lock_newest_room(spi, room_id);
    switch (put_out(spi, room.room_id, user_id)) {
        case Removal::unknown:
            refuse(refusal::unknown_participant);
        case Removal::before:
            return;
        case Removal::now:
            settle(spi, room.room_id);
            end_deserted(spi, room.room_id);
    }
}

}  // namespace

void invite(pg::Spi &spi, const std::string &room_id, const std::vector<std::string> &users)
{
    spi.execute(invite_users, {pg::text(room_id), pg::text_array(users)});
    pg::Rows invited = spi.read_latest(count_invited, {pg::text(room_id)});
    check_participant_count(static_cast<std::size_t>(*invited.bigint(0, 1)));
    spi.execute(forget_removals, {pg::text(room_id), pg::text_array(users)});
}

Removal put_out(pg::Spi &spi, const std::string &room_id, const std::string &user_id)
{
    bool noted = spi.execute(note_uninvited, {pg::text(room_id), pg::text(user_id)}).count() > 0;
    if (spi.execute(find_participant, {pg::text(room_id), pg::text(user_id)}).empty())
        return Removal::unknown;
    pg::Rows removed = spi.execute(put_user_out, {pg::text(room_id), pg::text(user_id)});
    if (removed.count() == 0 && !noted)
        return Removal::before;
    if (*spi.execute(may_be_inside, {pg::text(room_id), pg::text(user_id)}).boolean(0, 1))
        enqueue_now(spi, room_id, "remove-participant", "identity/" + user_id);
    return Removal::now;
}

VIDEOROOM_FUNCTION(videoroom_add_participants)
{
    Arguments arguments(fcinfo);
    std::string room_id = arguments.id(0, "room_id");
    add_participants(room_id, arguments.users(1, "participants"));
    return 0;
}

VIDEOROOM_FUNCTION(videoroom_remove_participant)
{
    Arguments arguments(fcinfo);
    std::string room_id = arguments.id(0, "room_id");
    remove_participant(room_id, arguments.id(1, "user_id"));
    return 0;
}

}  // namespace videoroom::api
