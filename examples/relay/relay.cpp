// Takes Twilio's status callbacks and puts them into the table videoroom.callback: see README.md.

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "database.hpp"
#include "server.hpp"
#include "settings.hpp"

namespace {

constexpr std::size_t max_body = 65536;
constexpr auto farewell = std::chrono::seconds(8);  // at the end, for what the database still has
constexpr auto quiet = std::chrono::minutes(1);     // between two lines about forged callbacks

// One line, whole, whatever the database or a caller put into it.
void log(std::string line)
{
    std::ranges::replace_if(
        line, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, ' ');
    line = "relay: " + line + "\n";
    if (write(STDERR_FILENO, line.data(), line.size()) < 0)
        std::perror("relay");
}

class Relay {
public:
    explicit Relay(const Settings &settings)
        : settings_(settings),
          database_(static_cast<std::size_t>(settings.sessions)),
          server_(settings.address, settings.port, [this](Request &request) { take(request); })
    {
    }

    int port() const { return server_.port(); }

    // Until a signal can be read from `signals`; what the database has then is answered.
    void serve(int signals);

private:
    void take(Request &request);
    void receive(Request &request);
    void submit(Request &request, const char *what, Job::Kind kind, std::vector<Text> parameters);
    void answer(Request &request, const char *what, int status, const std::string &reason);
    void count_refused(const std::string &line);
    void tell_of_refused();

    const Settings &settings_;
    Database database_;
    Server server_;
    bool ending_ = false;
    std::size_t refused_ = 0;  // since the last line about them
    Clock::time_point told_ = Clock::time_point::min();
};

void Relay::answer(Request &request, const char *what, int status, const std::string &reason)
{
    const std::string line = std::to_string(status) + " " + what + ": " + reason;
    if (status >= 400 && status < 500)
        count_refused(line);
    else if (status != 204)
        log(line);
    request.answer(status);
}

// Anybody can post: they do not fill the log.
void Relay::count_refused(const std::string &line)
{
    refused_++;
    if (told_ != Clock::time_point::min() && Clock::now() < told_ + quiet)
        return;
    log(line);
    refused_--;
    tell_of_refused();
}

void Relay::tell_of_refused()
{
    if (refused_ > 0)
        log(std::to_string(refused_) + " more refused within a minute");
    refused_ = 0;
    told_ = Clock::now();
}

void Relay::submit(Request &request, const char *what, Job::Kind kind, std::vector<Text> parameters)
{
    database_.submit({kind,
                      std::move(parameters),
                      [this, &request, what](int status, const std::string &reason) {
                          answer(request, what, status, reason);
                      },
                      {}});
}

void Relay::receive(Request &request)
{
    constexpr const char *what = "callback";
    const std::string signature = request.header("X-Twilio-Signature");
    if (request.body.size() > max_body)
        return answer(request, what, 413, "the body is larger than " + std::to_string(max_body) + " bytes");
    if (!request.header("Content-Type").starts_with("application/x-www-form-urlencoded"))
        return answer(request, what, 415, "not a form");
    if (signature.empty())
        return answer(request, what, 403, "no X-Twilio-Signature");
    // The URL that Twilio called, as it signed it: a proxy knows the true one, the request does not.
    Text url = settings_.public_url;
    if (url && request.query)
        *url += *request.query;
    submit(request, what, Job::Kind::insert, {std::move(request.body), signature, url});
}

void Relay::take(Request &request)
{
    if (ending_)
        return request.answer(503);
    if (request.path == "/healthz")
        return request.method == "GET" ? submit(request, "healthz", Job::Kind::health, {})
                                       : request.answer(405);
    if (request.path != settings_.path)
        return request.answer(404);
    request.method == "POST" ? receive(request) : request.answer(405);
}

void Relay::serve(int signals)
{
    std::vector<pollfd> polled;
    auto end = Clock::time_point::max();
    while (!ending_ || (!database_.idle() && Clock::now() < end)) {
        polled = {{ending_ ? -1 : signals, POLLIN, 0}, {server_.descriptor(), POLLIN, 0}};
        database_.add_wanted(polled);
        auto due = std::min({server_.due(), database_.due(), end});
        if (refused_ > 0)
            due = std::min(due, told_ + quiet);
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            std::min<Clock::duration>(due - Clock::now(), quiet));
        poll(polled.data(), polled.size(), static_cast<int>(std::max<long>(0, left.count())));
        if (polled[0].revents != 0) {
            server_.stop_listening();
            ending_ = true;
            end = Clock::now() + farewell;
        }
        database_.go_on(polled, 2);
        server_.go_on();
        if (refused_ > 0 && Clock::now() >= told_ + quiet)
            tell_of_refused();
    }
    database_.abandon();
    server_.go_on();  // the last answers
    server_.go_on();
    tell_of_refused();
}

void announce(const std::string &address, int port)
{
    const bool v6 = address.find(':') != std::string::npos;
    std::printf("listening on %s:%d\n", v6 ? ("[" + address + "]").c_str() : address.c_str(), port);
    std::fflush(stdout);
}

int signals_that_end()
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

int main(int argc, char **argv)
{
    Settings settings;
    try {
        settings = read_settings(argc, argv);
    } catch (const std::invalid_argument &e) {
        log(e.what());
        return 2;
    }
    try {
        const int signals = signals_that_end();
        Relay relay(settings);
        announce(settings.address, relay.port());
        relay.serve(signals);
        return EXIT_SUCCESS;
    } catch (const std::exception &e) {
        log(e.what());
        return EXIT_FAILURE;
    }
}
