// A restored copy starts to work: in the place of the original, or beside it.
#include "api/arguments.hpp"
#include "pg/home.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/wake.hpp"

namespace videoroom::api {
namespace {

// Of two at once the second finds what the first decided.
pg::Statement lock_home{"SELECT FROM videoroom.home FOR NO KEY UPDATE"};

pg::Statement lock_rooms{R"(
    SELECT FROM videoroom.room r
     WHERE r.room_id IN (SELECT s.room_id FROM videoroom.session s WHERE s.ended_at IS NULL)
     ORDER BY r.room_id
       FOR NO KEY UPDATE)"};

// For this copy they are over: what becomes of them is the original's business. Nobody is told: no listener
// of the original's is concerned.
pg::Statement detach_sessions{R"(
    WITH detached AS (
        UPDATE videoroom.session s SET lost_at = pg_catalog.clock_timestamp(), detached_at = pg_catalog.clock_timestamp()
         WHERE s.ended_at IS NULL
        RETURNING s.room_id, s.room_sid)
    INSERT INTO videoroom.event (room_id, kind, detail)
    SELECT d.room_id, 'detached', pg_catalog.jsonb_build_object('room_sid', d.room_sid) FROM detached d
    RETURNING room_id)"};

pg::Statement settle_rooms{"SELECT videoroom.settle_rooms($1, false)"};

pg::Statement discard_calls{"DELETE FROM videoroom.outbox"};

pg::Statement move_identities{"SELECT videoroom.identities_behind(true)"};

void let_go(pg::Spi &spi)
{
    spi.execute(lock_rooms);
    spi.execute(settle_rooms, {pg::text_array(spi.execute(detach_sessions).texts())});
    spi.execute(discard_calls);
}

// A physical clone has its original's home too, so it may let go of what is its own; but not while a worker
// may be at it, as one is in the original, where this would be a mistake.
void refuse_to_let_go_of_own()
{
    throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the rooms are this database's own",
                      "Letting go of them would leave their calls at Twilio to nobody.",
                      "If this is a physical clone, set videoroom.enabled = off and reload first.");
}

void adopt(bool keep)
{
    pg::Spi spi;
    spi.execute(lock_home);
    pg::Home home = pg::home();
    if (keep)
        spi.execute(move_identities);
    if (home == pg::Home::unclaimed || (keep && home == pg::Home::ours))
        return;
    if (!keep && home != pg::Home::foreign && pg::settings::enabled)
        refuse_to_let_go_of_own();

    pg::adopt_home(spi, keep);
    if (!keep)
        let_go(spi);
    pg::call([] { pg::wake_at_commit(GetCurrentTimestamp()); });
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_adopt)
{
    if (!Arguments(fcinfo).given(0))
        throw core::InvalidInput("keep must not be null", "",
                                 "true takes the rooms over, false lets go of them.");
    adopt(PG_GETARG_BOOL(0));
    return 0;
}

}  // namespace videoroom::api
