// Which cluster and database these rooms belong to. A restored copy is another one: it must not call Twilio
// or let anybody in until somebody says so.
#pragma once

#include "pg/spi.hpp"

namespace videoroom::pg {

enum class Home {
    unclaimed,  // no room was ever booked
    ours,
    upgraded,  // ours, as an older major version knew it: pg_upgrade keeps the oids
    foreign,   // another cluster's or database's: a copy
};

// Whose the rooms are, as it is now at any isolation level.
Home home();

// Makes the rooms this database's where nobody else claims them: the first booking does, and whoever finds
// them `upgraded`. A foreign home stays as it is.
void claim_home(Spi &spi);

// Makes the rooms this database's, whoever claims them; keep: with the sessions they have at Twilio.
void adopt_home(Spi &spi, bool keep);

// pg_database.oid of this database, as a statement's parameter.
Value database_oid();

}  // namespace videoroom::pg
