#include "pg/settings.hpp"

#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/link.hpp"
#include "core/text.hpp"
#include "core/url.hpp"
#include "pg/guard.hpp"

namespace videoroom::pg::settings {
namespace {

// A detail is a sentence where a message is none; a name that it begins with is left alone.
std::string sentence(std::string text)
{
    if (text.find('_') > text.find(' '))
        text[0] = static_cast<char>(pg_toupper(static_cast<unsigned char>(text[0])));
    return text + '.';
}

// A check hook's body: what `check` throws becomes the detail of the refusal.
template <typename Check>
bool accept(const char *value, Check &&check)
{
    char detail[512];
    char hint[512];
    try {
        check(std::string_view(value));
        return true;
    } catch (const core::InvalidInput &e) {
        strlcpy(detail, sentence(e.what()).c_str(), sizeof detail);
        strlcpy(hint, (e.hint().empty() ? e.detail() : e.hint()).c_str(), sizeof hint);
    } catch (const std::exception &e) {
        strlcpy(detail, e.what(), sizeof detail);
        hint[0] = '\0';
    }
    GUC_check_errdetail("%s", detail);
    if (hint[0])
        GUC_check_errhint("%s", hint);
    return false;
}

bool check_file(char **value, void **, GucSource)
{
    return accept(*value, [](std::string_view path) {
        if (!path.empty() && path.front() != '/')
            throw core::InvalidInput("the path must be absolute");
    });
}

bool check_api_url(char **value, void **, GucSource)
{
    return accept(*value, [](std::string_view url) { core::check_api_url(url); });
}

bool check_proxy(char **value, void **, GucSource)
{
    return accept(*value, [](std::string_view url) { core::check_proxy(url); });
}

bool check_callback_url(char **value, void **, GucSource)
{
    return accept(*value, [](std::string_view url) {
        if (!url.empty())
            core::check_callback_url(url);
    });
}

// Warns once where it is set and once in the server's log, not in every session at its start or at the
// reload.
void warn_of_leak(const char *value, GucSource source)
{
    bool stored = source == PGC_S_DATABASE || source == PGC_S_USER || source == PGC_S_DATABASE_USER;
    bool listener = !stored && (!IsUnderPostmaster || IsTransactionState());
    if (listener && *value && core::token_in_query(value))
        pg::call([] {
            ereport(WARNING, errmsg("videoroom.link_template puts the token where web servers log it"),
                    errhint("Put {token} behind a \"#\": browsers keep that part to themselves."));
        });
}

bool check_link_template(char **value, void **, GucSource source)
{
    return accept(*value, [&](std::string_view link) {
        if (!link.empty())
            core::check_link_template(link);
        warn_of_leak(*value, source);
    });
}

bool check_identity_claim(char **value, void **, GucSource)
{
    return accept(*value, [](std::string_view claim) { core::check_id("identity_claim", claim); });
}

const config_enum_entry log_joins_values[] = {{"none", static_cast<int>(LogJoins::none), false},
                                              {"refused", static_cast<int>(LogJoins::refused), false},
                                              {"all", static_cast<int>(LogJoins::all), false},
                                              {nullptr, 0, false}};

void define_string(const char *name, const char *description, const char *more, char **variable,
                   const char *value, GucStringCheckHook check, GucContext context = PGC_SIGHUP,
                   int flags = 0)
{
    DefineCustomStringVariable(name, description, more, variable, value, context, flags, check, nullptr,
                               nullptr);
}

void define_int(const char *name, const char *description, const char *more, int *variable, int least,
                int most, int unit)
{
    DefineCustomIntVariable(name, description, more, variable, *variable, least, most, PGC_SIGHUP, unit,
                            nullptr, nullptr, nullptr);
}

void define_bool(const char *name, const char *description, const char *more, bool *variable)
{
    DefineCustomBoolVariable(name, description, more, variable, *variable, PGC_SIGHUP, 0, nullptr, nullptr,
                             nullptr);
}

}  // namespace

void define()
{
    constexpr int day = 24 * 60 * 60;

    define_bool("videoroom.enabled", "Runs a worker in each database that has the extension.",
                "Off, every worker leaves: for maintenance, or a cloned staging server.", &enabled);
    define_string("videoroom.credentials_file", "JSON file with the credentials of the Twilio account.",
                  "Absolute path; readable by the server's user alone (mode 0600), or root's, up to 0640.",
                  &credentials_file, "", check_file, PGC_SIGHUP, GUC_SUPERUSER_ONLY);
    define_string("videoroom.api_url", "Address of the Twilio Video API.", "Plain http is for loopback only.",
                  &api_url, "https://video.twilio.com", check_api_url);
    define_string(
        "videoroom.proxy", "Proxy on the way to the Twilio Video API.",
        "http://host:port or https://host:port; the environment's is never used. A user and password "
        "that it asks for are proxy_user and proxy_password in the credentials file.",
        &proxy, "", check_proxy);
    define_string("videoroom.ca_file", "PEM file with the only authorities whose certificates are trusted.",
                  "At the API and the proxy, instead of the system's.", &ca_file, "", check_file);
    define_string("videoroom.callback_url", "Public URL to which Twilio sends status callbacks.",
                  "Written in the one form that everybody signs alike: a DNS name in lower case or "
                  "loopback; a port only if it is not the scheme's own; no user; letters, digits and -._~ "
                  "in the path and in a query of name=value; under 1024 characters. {database} becomes the "
                  "database's name. Twilio is asked for retries by #rc=5&rp=all, unless the URL has a "
                  "fragment of its own.",
                  &callback_url, "", check_callback_url);
    define_string("videoroom.callback_url_secondary",
                  "The callback URL before or after this one, while rooms that have it are left.",
                  "Callbacks for it are taken too.", &callback_url_secondary, "", check_callback_url);
    define_string("videoroom.link_template",
                  "Room link with {token}, and {room_id} and {room_sid} where wanted.",
                  "A superuser may also set it for a database or a role.", &link_template, "",
                  check_link_template, PGC_SUSET);
    define_string("videoroom.identity_claim", "Claim of request.jwt.claims that names the user.",
                  "Its name, or where there is none of that name, a path such as app_metadata.user_id.",
                  &identity_claim, "sub", check_identity_claim);
    define_int("videoroom.join_early", "How long before its start a room opens.",
               "Of rooms that are booked from now on.", &join_early, 0, 60 * 60, GUC_UNIT_S);
    define_int("videoroom.join_grace", "How long after its end a room can still be joined.",
               "Of rooms that are booked from now on.", &join_grace, 0, day, GUC_UNIT_S);
    define_int("videoroom.end_after", "How long after its end a call still going on is ended.",
               "Of rooms that are booked from now on, and not before join_grace is over.", &end_after, 0, day,
               GUC_UNIT_S);
    define_int("videoroom.join_wait", "How long a join waits for a room that is being made.",
               "Less where statement_timeout or transaction_timeout would cancel it before.", &join_wait, 0,
               60 * 1000, GUC_UNIT_MS);
    define_int("videoroom.max_waiting", "How many joins may wait at once in one database.",
               "For one room half of them, one at least.", &max_waiting, 0, 1000, 0);
    define_int("videoroom.max_requests", "How many calls to Twilio one worker has in flight at most.",
               "From 8 on each class of work keeps a place.", &max_requests, 1, 500, 0);
    define_int("videoroom.writes_per_second", "Twilio's quota of writes for the account.",
               "Of all databases of the server together.", &writes_per_second, 1, 100000, 0);
    define_int("videoroom.reads_per_second", "Twilio's quota of reads for the account.",
               "Of all databases of the server together.", &reads_per_second, 1, 100000, 0);
    define_int("videoroom.request_timeout", "How long a call to Twilio may take.", nullptr, &request_timeout,
               100, 120 * 1000, GUC_UNIT_MS);
    define_int("videoroom.retry_cap", "Longest pause between two tries of one call.", nullptr, &retry_cap, 1,
               day, GUC_UNIT_S);
    define_int("videoroom.reconcile_interval", "How often the rooms at Twilio are compared with the tables.",
               nullptr, &reconcile_interval, 1, day, GUC_UNIT_S);
    define_int("videoroom.retention", "How long closed rooms and callbacks are kept.", nullptr, &retention, 1,
               INT_MAX, GUC_UNIT_S);
    define_bool("videoroom.notify", "Notifies channel videoroom when the status of a room changes.",
                "With room_id, booking_id and status, in JSON.", &notify);
    DefineCustomEnumVariable("videoroom.log_joins",
                             "Which joins leave a line in the log, without their token.", nullptr, &log_joins,
                             log_joins, log_joins_values, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("videoroom");
}

void reload()
{
    if (ConfigReloadPending)
        call([] {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        });
}

}  // namespace videoroom::pg::settings
