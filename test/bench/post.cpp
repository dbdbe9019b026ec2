// The floor for the worker's calls: a bare libcurl multi loop that posts the same requests as fast as it can.
// bench-post ADDRESS CONNECTIONS FIRST LAST: creates the rooms post-FIRST to post-LAST; prints its seconds of
// processor time. bench-post ADDRESS pace RATE COUNT: posts one after the other, RATE a second, over one warm
// connection; prints when each left, in seconds since 1970, and its room.
#include <curl/curl.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "core/options.hpp"
#include "core/video_api.hpp"
#include "multi.hpp"

namespace {

namespace core = videoroom::core;
using Clock = std::chrono::system_clock;

// Has the handle create a room.
void prepare(CURL *easy, const std::string &address, const std::string &room)
{
    static const core::RoomOptions options = core::parse_options("{}");
    core::Request request = core::create_room(room, options, "https://app.example/callback#rc=5&rp=all");
    curl_easy_setopt(easy, CURLOPT_URL, (address + "/v1/Rooms").c_str());
    curl_easy_setopt(easy, CURLOPT_USERPWD,
                     "SKcccccccccccccccccccccccccccccccc:dddddddddddddddddddddddddddddddd");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, bench::swallow);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request.body.c_str());
}

void expect_created(CURL *easy, CURLcode result)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK || status != 201)
        throw std::runtime_error(std::string("not created: ") + curl_easy_strerror(result));
}

std::string name(long number)
{
    std::string digits = std::to_string(number);
    return "fff" + std::string(22 - digits.size(), '0') + digits;
}

void drain(const std::string &address, long connections, long first, long last)
{
    bench::send_all(
        connections, first, last, [&](CURL *easy, long number) { prepare(easy, address, name(number)); },
        expect_created);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    auto seconds = [](const timeval &time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    std::printf("%.3f\n", seconds(usage.ru_utime) + seconds(usage.ru_stime));
}

void pace(const std::string &address, long rate, long count)
{
    const bench::Easy handle(curl_easy_init(), curl_easy_cleanup);
    CURL *easy = handle.get();
    prepare(easy, address, name(0));
    expect_created(easy, curl_easy_perform(easy));
    auto due = Clock::now();
    for (long i = 1; i <= count; i++) {
        due += std::chrono::microseconds(1'000'000 / rate);
        std::this_thread::sleep_until(due);
        prepare(easy, address, name(i));
        auto left_at =
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
        expect_created(easy, curl_easy_perform(easy));
        std::printf("%.6f %s\n", static_cast<double>(left_at) / 1e6, name(i).c_str());
    }
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 5) {
        std::fprintf(stderr,
                     "usage: bench-post ADDRESS CONNECTIONS FIRST LAST, or ADDRESS pace RATE COUNT\n");
        return 2;
    }
    try {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        if (std::string_view(argv[2]) == "pace")
            pace(argv[1], std::atol(argv[3]), std::atol(argv[4]));
        else
            drain(argv[1], std::atol(argv[2]), std::atol(argv[3]), std::atol(argv[4]));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench-post: %s\n", error.what());
        return 1;
    }
    return 0;
}
