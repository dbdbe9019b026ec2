#include "worker/waiting_rooms.hpp"

#include "pg/mailbox.hpp"
#include "worker/outbox.hpp"

namespace videoroom::worker {
namespace {

void put_back(pg::shared::Database *database, const std::vector<std::string> &rooms)
{
    for (const std::string &room : rooms)
        pg::ask_again(database, room);
}

}  // namespace

TimestampTz ask_for_waiting_rooms(pg::shared::Database *database, Patience &patience)
{
    const std::vector<std::string> asked = pg::take_asked(database);
    if (asked.empty())
        return DT_NOEND;
    std::vector<std::string> left;
    try {
        left = ask_for_rooms(asked);
    } catch (...) {
        put_back(database, asked);
        throw;
    }
    put_back(database, left);
    // A room whose create was given up: those who wait learn it at once.
    for (const std::string &room : asked)
        pg::answer_waiting(database, room);
    return left.empty() ? DT_NOEND : patience.again();
}

}  // namespace videoroom::worker
