#include "worker/prerequisites.hpp"

#include "pg/home.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace videoroom::worker {
namespace {

using pg::shared::Pause;

pg::Statement select_version = {"SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'videoroom'"};

Pause logged = Pause::none;

void log_change(Pause pause, const std::string &version)
{
    if (pause == logged)
        return;
    logged = pause;
    pg::call([&] {
        if (pause == Pause::other_home)
            ereport(LOG, errmsg("videoroom is paused: the rooms in this database belong to another cluster"),
                    errhint("If this copy is to take over, run: SELECT videoroom_adopt(true)"));
        if (pause == Pause::other_version)
            ereport(LOG,
                    errmsg("videoroom is paused: the library is version %s, the extension is version %s",
                           VIDEOROOM_VERSION, version.c_str()),
                    errhint("Run: ALTER EXTENSION videoroom UPDATE"));
    });
}

Prerequisites compare(pg::Spi &spi, std::string &version)
{
    Prerequisites prerequisites;
    version = spi.execute(select_version).text(0, 1).value();
    if (version != VIDEOROOM_VERSION) {
        prerequisites.pause = Pause::other_version;  // the tables may not be what we know
        return prerequisites;
    }
    pg::Home home = pg::home();
    if (home == pg::Home::upgraded)
        pg::claim_home(spi);
    if (home == pg::Home::foreign)
        prerequisites.pause = Pause::other_home;
    prerequisites.booked = home != pg::Home::unclaimed;
    return prerequisites;
}

}  // namespace

Prerequisites check_prerequisites()
{
    std::string version;
    Prerequisites prerequisites = pg::in_transaction([&](pg::Spi &spi) { return compare(spi, version); });
    log_change(prerequisites.pause, version);
    return prerequisites;
}

}  // namespace videoroom::worker
