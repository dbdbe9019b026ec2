#include "pg/home.hpp"

#include "pg/lookup.hpp"

namespace videoroom::pg {
namespace {

constexpr int32 this_major = PG_VERSION_NUM / 10000;

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

Value system_identifier()
{
    return bigint(static_cast<int64>(GetSystemIdentifier()));
}
Value server_major()
{
    return integer(this_major);
}

}  // namespace

Value database_oid()
{
    return oid(MyDatabaseId);
}

Home home()
{
    return call([] {
        Home result = Home::unclaimed;
        PushActiveSnapshot(GetLatestSnapshot());
        Table table = open_table("home", "home_pkey");
        for_each(table, nullptr, 0, [&](HeapTuple row) {
            auto value = [&](const char *name) {
                bool null = true;
                return column(table, row, name, &null);
            };
            bool here = DatumGetObjectId(value("database_oid")) == MyDatabaseId &&
                        DatumGetObjectId(value("table_oid")) == RelationGetRelid(table.relation);
            bool this_cluster =
                DatumGetInt64(value("system_identifier")) == static_cast<int64>(GetSystemIdentifier());
            int32 major = DatumGetInt32(value("server_major"));
            if (here && this_cluster && major == this_major)
                result = Home::ours;
            else
                result = here && major < this_major ? Home::upgraded : Home::foreign;
        });
        close_table(table);
        PopActiveSnapshot();
        return result;
    });
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
