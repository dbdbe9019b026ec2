#include "pg/home.hpp"

namespace videoroom::pg {
namespace {

Statement find_home{R"(
    SELECT h.database_oid = $2 AND h.table_oid = h.tableoid
           AND h.system_identifier = $1 AND h.server_major = $3,
           h.database_oid = $2 AND h.table_oid = h.tableoid AND h.server_major < $3
      FROM videoroom.home h)"};

// Of two first bookings at once the second waits here for the first.
Statement write_home{R"(
    INSERT INTO videoroom.home AS h (system_identifier, database_oid, table_oid, server_major)
    VALUES ($1, $2, 'videoroom.home'::pg_catalog.regclass, $3)
    ON CONFLICT (id) DO UPDATE
       SET system_identifier = excluded.system_identifier,
           server_major = excluded.server_major,
           adopted_at = pg_catalog.clock_timestamp()
     WHERE h.database_oid = excluded.database_oid AND h.table_oid = excluded.table_oid
       AND h.server_major < excluded.server_major)"};

Statement take_home{R"(
    UPDATE videoroom.home
       SET system_identifier = $1, database_oid = $2, table_oid = tableoid, server_major = $3,
           adopted_at = pg_catalog.clock_timestamp(),
           let_go_at = CASE WHEN NOT $4 THEN pg_catalog.clock_timestamp() END)"};

}  // namespace

Value system_identifier()
{
    return bigint(static_cast<int64>(GetSystemIdentifier()));
}
Value database_oid()
{
    return oid(MyDatabaseId);
}
Value server_major()
{
    return integer(PG_VERSION_NUM / 10000);
}

Home home(Spi &spi)
{
    Rows rows = spi.read_latest(find_home, {system_identifier(), database_oid(), server_major()});
    if (rows.empty())
        return Home::unclaimed;
    if (rows.boolean(0, 1).value_or(false))
        return Home::ours;
    return rows.boolean(0, 2).value_or(false) ? Home::upgraded : Home::foreign;
}

void claim_home(Spi &spi)
{
    spi.execute(write_home, {system_identifier(), database_oid(), server_major()});
}

void adopt_home(Spi &spi, bool keep)
{
    spi.execute(take_home, {system_identifier(), database_oid(), server_major(), boolean(keep)});
}

}  // namespace videoroom::pg
