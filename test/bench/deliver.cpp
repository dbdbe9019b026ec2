// Callbacks as Twilio would deliver them: bench-deliver URL CONNECTIONS FIRST LAST <signed.tsv posts those
// lines of what bench-sign printed and prints how many a second were taken.
#include <curl/curl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "multi.hpp"

namespace {

struct Callback {
    std::string body;
    std::string signature;
};

std::vector<Callback> read(long first, long last)
{
    std::vector<Callback> callbacks;
    std::string line;
    for (long number = 1; number <= last && std::getline(std::cin, line); number++) {
        std::istringstream cells(line);
        std::string cell;
        Callback callback;
        std::getline(cells, cell, '\t');
        std::getline(cells, callback.body, '\t');
        std::getline(cells, callback.signature, '\t');
        if (number >= first)
            callbacks.push_back(std::move(callback));
    }
    return callbacks;
}

void expect_taken(CURL *easy, CURLcode result)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK || status != 204)
        throw std::runtime_error("not taken: " + std::to_string(status) + " " + curl_easy_strerror(result));
}

using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

void deliver(const char *url, long connections, const std::vector<Callback> &callbacks)
{
    std::vector<Headers> headers;
    headers.reserve(callbacks.size());
    for (const Callback &callback : callbacks)
        headers.emplace_back(
            curl_slist_append(nullptr, ("X-Twilio-Signature: " + callback.signature).c_str()),
            curl_slist_free_all);
    const auto begun = std::chrono::steady_clock::now();
    bench::send_all(
        connections, 0, static_cast<long>(callbacks.size()) - 1,
        [&](CURL *easy, long number) {
            const auto index = static_cast<std::size_t>(number);
            curl_easy_setopt(easy, CURLOPT_URL, url);
            curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, bench::swallow);
            curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
            curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers[index].get());
            curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(callbacks[index].body.size()));
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS, callbacks[index].body.c_str());
        },
        expect_taken);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    std::printf("%.1f\n", static_cast<double>(callbacks.size()) / took.count());
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc != 5) {
        std::fprintf(stderr, "usage: bench-deliver URL CONNECTIONS FIRST LAST\n");
        return 2;
    }
    try {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        deliver(argv[1], std::atol(argv[2]), read(std::atol(argv[3]), std::atol(argv[4])));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench-deliver: %s\n", error.what());
        return 1;
    }
    return 0;
}
