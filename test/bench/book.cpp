// Steady traffic: bench-book RATE COUNT books COUNT rooms that are due at once, RATE a second, over one
// connection (libpq's environment says which); prints when each commit was sent, in seconds since 1970, and
// its room.
#include <libpq-fe.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::system_clock;
using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

Result succeed(PGconn *connection, PGresult *result)
{
    Result owned(result, PQclear);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        throw std::runtime_error(PQerrorMessage(connection));
    return owned;
}

void book(long rate, long count)
{
    Connection connection(PQconnectdb(""), PQfinish);
    PGconn *raw = connection.get();
    succeed(raw, PQprepare(raw, "book",
                           "SELECT videoroom_create_booking($1, now() + interval '1 minute', "
                           "now() + interval '1 hour', ARRAY['host', 'guest'])",
                           0, nullptr));
    auto due = Clock::now();
    std::string run = std::to_string(due.time_since_epoch().count());
    for (long i = 0; i < count; i++) {
        due += std::chrono::microseconds(1'000'000 / rate);
        std::this_thread::sleep_until(due);
        std::string booking = "paced-" + run + "-" + std::to_string(i);
        const char *values[] = {booking.c_str()};
        succeed(raw, PQexec(raw, "BEGIN"));
        Result room = succeed(raw, PQexecPrepared(raw, "book", 1, values, nullptr, nullptr, 0));
        auto sent_at =
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
        succeed(raw, PQexec(raw, "COMMIT"));
        std::printf("%.6f %s\n", static_cast<double>(sent_at) / 1e6, PQgetvalue(room.get(), 0, 0));
    }
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::fprintf(stderr, "usage: bench-book RATE COUNT\n");
        return 2;
    }
    try {
        book(std::atol(argv[1]), std::atol(argv[2]));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench-book: %s\n", error.what());
        return 1;
    }
    return 0;
}
