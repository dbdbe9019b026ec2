#include "api/join_report.hpp"

#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/stats.hpp"

namespace videoroom::api {
namespace {

using pg::settings::LogJoins;
using pg::stats::Joins;

// In the order of JoinOutcome.
constexpr struct {
    pg::stats::Counter Joins::*counter;
    const char *name;
} outcomes[] = {{&Joins::ok, "ok"},
                {&Joins::refused, "refused, "},
                {&Joins::unavailable, "unavailable, "},
                {&Joins::failed, "failed, "}};

bool wanted(JoinOutcome outcome)
{
    auto level = static_cast<LogJoins>(pg::settings::log_joins);
    return level == LogJoins::all || (level == LogJoins::refused && outcome != JoinOutcome::ok);
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
    const auto &row = outcomes[static_cast<int>(outcome)];
    pg::stats::count(row.counter);
    if (!wanted(outcome))
        return;
    std::string room = quoted(room_id);
    std::string user = user_id ? "user " + quoted(*user_id) : "nobody";
    // The server's log alone: a client that asks for messages of this level has no business with it.
    pg::call([&] {
        ereport(LOG_SERVER_ONLY,
                errmsg("join of room %s by %s: %s%s", room.c_str(), user.c_str(), row.name, reason),
                errhidestmt(true), errhidecontext(true));
    });
}

}  // namespace videoroom::api
