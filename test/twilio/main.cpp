// A Twilio Video of your own: see README.md.
#include <curl/curl.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "options.hpp"
#include "server.hpp"

int main(int count, char **arguments)
{
    // taken by sigwait below; every thread inherits the mask
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    try {
        sim::Options options = sim::parse_options(count, arguments);
        if (options.help) {
            std::cout << sim::usage();
            return 0;
        }
        std::uint64_t seed = options.seed != 0 ? options.seed : std::random_device()();
        sim::Twilio twilio(options.settings, seed);
        sim::Server server(twilio, options.threads);
        int port = server.bind(options.host, options.port);
        std::thread serving([&server] { server.run(); });
        std::cout << "listening on http://" << options.host << ":" << port << std::endl;
        int received = 0;
        sigwait(&signals, &received);
        // idle connections would be waited for: there is nothing to save, so go at once
        std::_Exit(0);
    } catch (const std::exception &error) {
        std::cerr << "twilio-simulator: " << error.what() << "\n" << sim::usage();
        return 1;
    }
}
