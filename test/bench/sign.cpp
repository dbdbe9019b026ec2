// Callbacks as Twilio would send them: bench-sign URL AUTH_TOKEN ACCOUNT_SID COUNT prints COUNT lines
// "number, body, signature", tabs between; each says that somebody new has come into one of the rooms that
// rooms.sql makes.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "core/form.hpp"
#include "core/signature.hpp"
#include "core/time.hpp"

namespace {

namespace core = videoroom::core;

std::string padded(const char *format, long number)
{
    char text[64];
    std::snprintf(text, sizeof text, format, number);
    return text;
}

std::string body(const std::string &account_sid, long number, core::Time now)
{
    return "AccountSid=" + account_sid + "&RoomName=" + padded("aaa%022ld", number) +
           "&RoomSid=" + padded("RM%032lx", number) +
           "&RoomStatus=in-progress&RoomType=group&StatusCallbackEvent=participant-connected&Timestamp=" +
           core::url_encode(core::format_iso8601(now)) +
           "&SequenceNumber=1&ParticipantSid=" + padded("PA%032lx", number) +
           "&ParticipantStatus=connected&ParticipantIdentity=host";
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 5) {
        std::fprintf(stderr, "usage: bench-sign URL AUTH_TOKEN ACCOUNT_SID COUNT\n");
        return 2;
    }
    const core::Time now = std::time(nullptr) * core::second;
    for (long number = 1; number <= std::atol(argv[4]); number++) {
        std::string text = body(argv[3], number, now);
        std::printf("%ld\t%s\t%s\n", number, text.c_str(),
                    core::sign(argv[2], argv[1], core::decode_form(text)).c_str());
    }
    return 0;
}
