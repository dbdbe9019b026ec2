// Whole lives of rooms, one after the other as fast as it goes: bench-live COUNT URL AUTH_TOKEN ACCOUNT_SID
// books COUNT rooms over one connection (libpq's environment says which). Once the worker has made a room,
// two people come into it, and they and the room leave some bookings later: six callbacks a room, signed as
// Twilio signs them. Prints the number of bookings, a line each hundred.
#include <libpq-fe.h>
#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "core/form.hpp"
#include "core/signature.hpp"
#include "core/time.hpp"

namespace {

namespace core = videoroom::core;
using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr std::size_t being_made = 200;  // so many bookings after its own a room's people come
constexpr std::size_t being_held = 200;  // and so many after that they leave
constexpr std::chrono::seconds longest_wait{60};

std::string md5(const std::string &text)
{
    std::array<unsigned char, 16> digest;
    if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_md5(), nullptr) != 1)
        throw std::runtime_error("no MD5");
    std::string hex;
    for (unsigned char byte : digest) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", byte);
        hex += digits;
    }
    return hex;
}

class Life {
public:
    Life(std::string url, std::string auth_token, std::string account_sid)
        : url_(std::move(url)),
          auth_token_(std::move(auth_token)),
          account_sid_(std::move(account_sid)),
          connection_(PQconnectdb(""), PQfinish)
    {
        prepare(
            "book",
            "SELECT videoroom_create_booking($1, now() + interval '1 second', now() + interval '20 seconds', "
            "ARRAY['host', 'guest'])");
        prepare("made", "SELECT FROM videoroom.session WHERE room_id = $1");
        prepare("callback", "INSERT INTO videoroom.callback (body, signature) VALUES ($1, $2)");
    }

    std::string book(const std::string &booking_id)
    {
        Result room = execute("book", {booking_id});
        return PQgetvalue(room.get(), 0, 0);
    }

    void begin(const std::string &room)
    {
        wait_until_made(room);
        report(room, "room-created", "");
        report(room, "participant-connected", "host");
        report(room, "participant-connected", "guest");
    }

    void end(const std::string &room)
    {
        report(room, "participant-disconnected", "guest");
        report(room, "participant-disconnected", "host");
        report(room, "room-ended", "");
    }

private:
    void prepare(const char *name, const char *statement)
    {
        check(Result(PQprepare(connection_.get(), name, statement, 0, nullptr), PQclear));
    }

    Result execute(const char *name, std::initializer_list<std::string> values)
    {
        std::array<const char *, 4> pointers{};
        std::size_t count = 0;
        for (const std::string &value : values)
            pointers.at(count++) = value.c_str();
        return check(Result(PQexecPrepared(connection_.get(), name, static_cast<int>(count), pointers.data(),
                                           nullptr, nullptr, 0),
                            PQclear));
    }

    Result check(Result result)
    {
        ExecStatusType status = PQresultStatus(result.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
            throw std::runtime_error(PQerrorMessage(connection_.get()));
        return result;
    }

    void wait_until_made(const std::string &room)
    {
        auto deadline = std::chrono::steady_clock::now() + longest_wait;
        while (PQntuples(execute("made", {room}).get()) == 0) {
            if (std::chrono::steady_clock::now() > deadline)
                throw std::runtime_error("waited in vain for room " + room);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    void report(const std::string &room, const std::string &event, const std::string &user)
    {
        const core::Time now = std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count();
        const bool ended = event == "room-ended";
        std::string body = "AccountSid=" + account_sid_ + "&RoomName=" + room + "&RoomSid=RM" + md5(room) +
                           "&RoomStatus=" + (ended ? "completed" : "in-progress") +
                           "&RoomType=group&StatusCallbackEvent=" + event +
                           "&Timestamp=" + core::url_encode(core::format_iso8601(now)) +
                           "&SequenceNumber=" + std::to_string(sequence_++);
        if (!user.empty()) {
            const bool left = event == "participant-disconnected";
            body += "&ParticipantSid=PA" + md5(room + user) +
                    "&ParticipantStatus=" + (left ? "disconnected" : "connected") +
                    "&ParticipantIdentity=" + user;
            if (left)
                body += "&ParticipantDuration=1";
        }
        if (ended)
            body += "&RoomDuration=1";
        execute("callback", {body, core::sign(auth_token_, url_, core::decode_form(body))});
    }

    std::string url_;
    std::string auth_token_;
    std::string account_sid_;
    Connection connection_;
    long sequence_ = 0;
};

void live(Life &life, long count)
{
    std::deque<std::string> made, held;
    auto come = [&] {
        life.begin(made.front());
        held.push_back(std::move(made.front()));
        made.pop_front();
    };
    auto leave = [&] {
        life.end(held.front());
        held.pop_front();
    };
    for (long i = 1; i <= count; i++) {
        made.push_back(life.book("life-" + std::to_string(i)));
        if (made.size() > being_made)
            come();
        if (held.size() > being_held)
            leave();
        if (i % 100 == 0) {
            std::printf("%ld\n", i);
            std::fflush(stdout);
        }
    }
    while (!made.empty())
        come();
    while (!held.empty())
        leave();
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 5) {
        std::fprintf(stderr, "usage: bench-live COUNT URL AUTH_TOKEN ACCOUNT_SID\n");
        return 2;
    }
    try {
        Life life(argv[2], argv[3], argv[4]);
        live(life, std::atol(argv[1]));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench-live: %s\n", error.what());
        return 1;
    }
    return 0;
}
