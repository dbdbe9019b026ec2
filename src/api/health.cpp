// Is everything there that rooms and links need? One row a check, with the very line or command that helps.
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "core/link.hpp"
#include "core/retry.hpp"
#include "pg/credentials.hpp"
#include "pg/home.hpp"
#include "pg/settings.hpp"
#include "pg/shared_state.hpp"
#include "pg/stats.hpp"

namespace videoroom::api {
namespace {

using pg::shared::Pause;

struct Check {
    std::string name;
    bool ok;
    std::string detail;
    std::string hint;
};

pg::Statement find_version{
    "SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'videoroom'"};

pg::Statement find_calls{R"(
    SELECT (SELECT pg_catalog.count(*) FROM videoroom.outbox o WHERE o.dead_at IS NOT NULL),
           (SELECT coalesce(o.last_error ->> 'message', o.last_error ->> 'kind')
              FROM videoroom.outbox o WHERE o.dead_at IS NOT NULL ORDER BY o.dead_at DESC, o.id DESC LIMIT 1),
           (SELECT pg_catalog.min(first.run_at)
              FROM pg_catalog.generate_series(0, 3) AS p (priority)
             CROSS JOIN pg_catalog.generate_series(0, 1) AS f (refused)
             CROSS JOIN LATERAL (SELECT o.run_at FROM videoroom.outbox o
                                  WHERE o.dead_at IS NULL AND o.priority = p.priority
                                    AND (o.last_error IS NOT NULL)::int = f.refused
                                  ORDER BY o.run_at LIMIT 1) AS first))"};

// Those that failed, or have been left to the worker for a minute.
pg::Statement find_pending{R"(
    SELECT pg_catalog.count(*), pg_catalog.max(c.error)
      FROM videoroom.callback c
     WHERE c.applied_at IS NULL
       AND (c.attempts > 0
            OR c.received_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(mins => 1)))"};

pg::Statement find_not_understood{R"(
    SELECT pg_catalog.count(*), (pg_catalog.array_agg(c.error ORDER BY c.received_at DESC))[1]
      FROM videoroom.callback c
     WHERE c.outcome = 'not-understood'
       AND c.received_at > pg_catalog.clock_timestamp() - pg_catalog.make_interval(hours => 24))"};

pg::Statement find_identities_behind{
    "SELECT pg_catalog.array_to_string(videoroom.identities_behind(false), ', ')"};

pg::Statement if_template{R"(
    SELECT pg_catalog.format('ALTER DATABASE %I IS_TEMPLATE false;', d.datname) FROM pg_catalog.pg_database d
     WHERE d.oid = $1 AND d.datistemplate)"};

Check good(const char *name, std::string detail)
{
    return {name, true, std::move(detail), ""};
}

Check bad(const char *name, std::string detail, std::string hint)
{
    return {name, false, std::move(detail), std::move(hint)};
}

std::string set_and_reload(const std::string &setting)
{
    return "ALTER SYSTEM SET " + setting + "; SELECT pg_reload_conf();";
}

std::string installed_version(pg::Spi &spi)
{
    return spi.read_latest(find_version).text(0, 1).value_or("none");
}

Check preload(pg::Spi &)
{
    if (pg::shared::state())
        return good("preload", "the library is preloaded");
    return bad("preload", "the library is not preloaded: no worker makes rooms, no join can wait",
               pg::shared::preload_line());
}

Check missing_worker(pg::Spi &spi, const pg::shared::Status &status)
{
    pg::Rows is_template = spi.read_latest(if_template, {pg::database_oid()});
    if (!is_template.empty())
        return bad("worker", "this database is a template, in which no worker works",
                   is_template.text(0, 1).value());
    if (status.out_of_entries)
        return bad("worker",
                   std::to_string(pg::shared::most_databases) + " other databases have their workers",
                   "Drop the extension in one of them, or move this database to another server.");
    if (status.out_of_workers)
        return bad("worker", "there is no free slot for a background worker",
                   "ALTER SYSTEM SET max_worker_processes = " + std::to_string(max_worker_processes + 8) +
                       "; then restart");
    return bad("worker", "no worker runs in this database", "SELECT videoroom.wake();");
}

Check worker(pg::Spi &spi)
{
    if (!pg::shared::state())
        return bad("worker", "no worker runs without the preload", pg::shared::preload_line());
    if (RecoveryInProgress())
        return good("worker", "none on a standby");
    if (!pg::settings::enabled)
        return bad("worker", "videoroom.enabled is off", set_and_reload("videoroom.enabled = on"));
    pg::shared::Status status = pg::shared::read_status(MyDatabaseId);
    if (!status.worker)
        return missing_worker(spi, status);
    std::string process = "process " + std::to_string(status.worker);
    switch (status.pause) {
        case Pause::none:
            return good("worker", process);
        case Pause::no_credentials:
            return bad("worker", process + " has no credentials", "See check credentials.");
        case Pause::other_home:
            return bad("worker", process + " leaves another database's rooms alone", "See check home.");
        case Pause::other_version:
            return bad("worker", process + " is of another version than the tables", "See check version.");
        case Pause::account:
            return bad("worker", process + " holds calls to Twilio back", "See check account.");
    }
    return good("worker", process);
}

Check credentials(pg::Spi &)
{
    std::optional<core::InvalidInput> problem = pg::credentials_problem();
    if (!problem)
        return good("credentials", "the file is complete");
    return bad("credentials", problem->what(),
               problem->hint().empty()
                   ? set_and_reload("videoroom.credentials_file = '/path/to/credentials.json'")
                   : problem->hint() + " (then SELECT pg_reload_conf();)");
}

Check home(pg::Spi &spi)
{
    pg::Home home = pg::home();
    std::string behind;
    if (installed_version(spi) == VIDEOROOM_VERSION)
        behind = spi.read_latest(find_identities_behind).text(0, 1).value_or("");
    if (home != pg::Home::foreign && !behind.empty())
        return bad("home",
                   "ids that are given out are taken already, in " + behind +
                       ": this is a copy by logical replication, which copies rows and no sequences",
                   "SELECT videoroom_adopt(true);");
    switch (home) {
        case pg::Home::unclaimed:
            return good("home", "no room was booked yet");
        case pg::Home::ours:
        case pg::Home::upgraded:
            return good("home", "the rooms are this database's");
        case pg::Home::foreign:
            break;
    }
    return bad(
        "home", "the rooms are another database's: this is a copy, and neither worker nor joins touch them",
        "SELECT videoroom_adopt(true); to take them over, SELECT videoroom_adopt(false); to let go of them");
}

Check callback_url(pg::Spi &)
{
    if (*pg::settings::callback_url)
        return good("callback_url", pg::settings::callback_url);
    return bad("callback_url", "not set: Twilio does not tell who comes and goes",
               set_and_reload("videoroom.callback_url = 'https://relay.example/videoroom'"));
}

Check link_template(pg::Spi &)
{
    std::string link = pg::settings::link_template;
    if (link.empty())
        return bad(
            "link_template", "not set: nobody can join",
            set_and_reload("videoroom.link_template = 'https://app.example/room/{room_id}#token={token}'"));
    if (core::token_in_query(link))
        link += " (the token is sent to the web server; behind a \"#\" it would not be)";
    return good("link_template", link);
}

Check outbox(pg::Spi &spi)
{
    pg::Rows rows = spi.read_latest(find_calls);
    int64 dead = *rows.bigint(0, 1);
    auto due = rows.timestamp(0, 3);
    if (dead > 0)
        return bad(
            "outbox",
            "calls given up: " + std::to_string(dead) + ", the last: " + rows.text(0, 2).value_or("unknown"),
            "SELECT * FROM videoroom.outbox WHERE dead_at IS NOT NULL; then SELECT videoroom_retry();");
    if (due && *due < GetCurrentTimestamp() - USECS_PER_MINUTE)
        return bad("outbox", "a call is due since " + pg::format_time(*due),
                   "See checks worker and account.");
    return good("outbox", "nothing given up, nothing late");
}

Check account(pg::Spi &)
{
    if (pg::credentials_problem())
        return good("account", "no calls are made");
    core::Breaker breaker = pg::shared::read_breaker(pg::credentials().account_sid);
    core::Time now = pg::to_core(GetCurrentTimestamp());
    if (breaker.unauthorized && core::is_about_credentials(breaker.refused_with))
        return bad("account", "Twilio refuses the credentials",
                   "Put an API key that is valid into videoroom.credentials_file; SELECT pg_reload_conf();");
    if (breaker.unauthorized)
        return bad(
            "account", "Twilio refuses the account, with code " + std::to_string(breaker.refused_with),
            "See in Twilio's console whether it is suspended, unpaid or without Video. One call a minute "
            "is tried; all others follow by themselves.");
    if (breaker.is_open(now) || breaker.openings > 0)
        return bad(
            "account",
            breaker.paused_until > now ? "Twilio asked for a pause" : "Twilio cannot be reached, or fails",
            "Calls go on by themselves, not before " + core::format_iso8601(breaker.next(now)) + ".");
    return good("account", "nothing held back");
}

Check clock(pg::Spi &)
{
    constexpr core::Time tolerated = 5 * core::second;
    pg::stats::Stats *stats = pg::stats::own();
    auto ahead = stats ? static_cast<core::Time>(pg_atomic_read_u64(&stats->calls.clock_ahead)) : 0;
    if (std::abs(ahead) <= tolerated)
        return good("clock", "as Twilio's, as far as its answers tell");
    return bad("clock",
               std::to_string(std::abs(ahead) / core::second) + " seconds " +
                   (ahead > 0 ? "ahead of" : "behind") +
                   " Twilio's: access tokens may be refused, rooms be late",
               "Set the server's clock, and have it kept: timedatectl set-ntp true, or chrony.");
}

// Whoever posts anything to the relay can have it refused; only Twilio, and people in them, know our rooms.
std::optional<Check> refused_callbacks()
{
    pg::stats::Stats *stats = pg::stats::own();
    if (!stats)
        return std::nullopt;
    pg::stats::Callbacks &callbacks = stats->callbacks;
    auto genuine_at = static_cast<TimestampTz>(pg_atomic_read_u64(&callbacks.genuine_at));
    auto mismatched_at = static_cast<TimestampTz>(pg_atomic_read_u64(&callbacks.mismatched_at));
    if (mismatched_at <= genuine_at || genuine_at > GetCurrentTimestamp() - 10 * USECS_PER_MINUTE)
        return std::nullopt;
    return bad(
        "callbacks",
        "refused as forged, though about rooms of ours: " +
            std::to_string(pg_atomic_read_u64(&callbacks.mismatched)) + ", the last at " +
            pg::format_time(mismatched_at) +
            (genuine_at ? "; genuine, the last at " + pg::format_time(genuine_at) : "; none was genuine"),
        "Compare auth_token (or, with a Webhook Rule, webhook_secret) in videoroom.credentials_file with "
        "Twilio's console, and the URL that Twilio calls with videoroom.callback_url, which is '" +
            std::string(pg::settings::callback_url) +
            "', or the relay's public URL; a proxy must change neither path, query nor body.");
}

Check callbacks(pg::Spi &spi)
{
    if (auto refused = refused_callbacks())
        return *refused;
    pg::Rows pending = spi.read_latest(find_pending);
    if (*pending.bigint(0, 1) > 0)
        return bad("callbacks",
                   "not applied: " + std::to_string(*pending.bigint(0, 1)) +
                       ", one of them: " + pending.text(0, 2).value_or("its room is held"),
                   "SELECT id, room_id, retry_at, error FROM videoroom.callback WHERE applied_at IS NULL;");
    pg::Rows strange = spi.read_latest(find_not_understood);
    if (*strange.bigint(0, 1) > 0)
        return bad("callbacks",
                   "not understood in the last 24 hours: " + std::to_string(*strange.bigint(0, 1)) +
                       ", the last: " + strange.text(0, 2).value_or("unknown"),
                   "Update the extension, then SELECT videoroom_replay(now() - interval '1 day'); what they "
                   "say: SELECT body, error FROM videoroom.callback WHERE outcome = 'not-understood';");
    return good("callbacks", "all applied");
}

Check version(pg::Spi &spi)
{
    std::string library = VIDEOROOM_VERSION;
    std::string installed = installed_version(spi);
    if (installed == library)
        return good("version", library);
    return bad(
        "version", "the library is " + library + ", the extension " + installed,
        "ALTER EXTENSION videoroom UPDATE TO '" + library + "'; or restart with the library of " + installed);
}

std::vector<Check> check_all()
{
    constexpr Check (*checks[])(pg::Spi &) = {preload,      worker,        credentials, home,
                                              callback_url, link_template, outbox,      account,
                                              clock,        callbacks,     version};
    pg::Spi spi;
    std::vector<Check> results;
    for (auto check : checks)
        results.push_back(check(spi));
    return results;
}

void put(const ReturnSetInfo *result, const Check &check)
{
    Datum values[] = {CStringGetTextDatum(check.name.c_str()), BoolGetDatum(check.ok),
                      CStringGetTextDatum(check.detail.c_str()), CStringGetTextDatum(check.hint.c_str())};
    bool nulls[] = {false, false, false, check.hint.empty()};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace

VIDEOROOM_FUNCTION(videoroom_health)
{
    std::vector<Check> checks = check_all();
    pg::call([&] {
        InitMaterializedSRF(fcinfo, 0);
        for (const Check &check : checks)
            put(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), check);
    });
    return 0;
}

}  // namespace videoroom::api
