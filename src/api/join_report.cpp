#include "api/join_report.hpp"

#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/stats.hpp"

namespace videoroom::api {
namespace {

using pg::settings::LogJoins;
using pg::stats::Joins;

void count(JoinOutcome outcome)
{
    switch (outcome) {
        case JoinOutcome::ok:
            return pg::stats::count(&Joins::ok);
        case JoinOutcome::refused:
            return pg::stats::count(&Joins::refused);
        case JoinOutcome::unavailable:
            return pg::stats::count(&Joins::unavailable);
        case JoinOutcome::failed:
            return pg::stats::count(&Joins::failed);
    }
}

bool wanted(JoinOutcome outcome)
{
    auto level = static_cast<LogJoins>(pg::settings::log_joins);
    return level == LogJoins::all || (level == LogJoins::refused && outcome != JoinOutcome::ok);
}

const char *name_of(JoinOutcome outcome)
{
    switch (outcome) {
        case JoinOutcome::ok:
            return "ok";
        case JoinOutcome::refused:
            return "refused, ";
        case JoinOutcome::unavailable:
            return "unavailable, ";
        case JoinOutcome::failed:
            break;
    }
    return "failed, ";
}

// An id has no control characters, but may have quotes, and so look like the rest of the line.
std::string quoted(const std::string &id)
{
    std::string result = "\"";
    for (char c : id) {
        if (c == '"' || c == '\\')
            result += '\\';
        result += c;
    }
    return result + '"';
}

}  // namespace

void report_join(const std::string &room_id, const std::optional<std::string> &user_id, JoinOutcome outcome,
                 const char *reason)
{
    count(outcome);
    if (!wanted(outcome))
        return;
    std::string room = quoted(room_id);
    std::string user = user_id ? "user " + quoted(*user_id) : "nobody";
    // The server's log alone: a client that asks for messages of this level has no business with it.
    pg::call([&] {
        ereport(LOG_SERVER_ONLY,
                errmsg("join of room %s by %s: %s%s", room.c_str(), user.c_str(), name_of(outcome), reason),
                errhidestmt(true), errhidecontext(true));
    });
}

}  // namespace videoroom::api
