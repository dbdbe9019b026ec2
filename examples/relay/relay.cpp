// Takes Twilio's status callbacks and puts them into the table videoroom.callback: see README.md.

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "database.hpp"
#include "settings.hpp"

namespace {

constexpr std::size_t max_body = 65536;
constexpr const char *insert_callback =
    "INSERT INTO videoroom.callback (body, signature, url) VALUES ($1, $2, $3)";

// One line, whole, whatever the database or a caller put into it.
void log(std::string line)
{
    std::ranges::replace_if(
        line, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, ' ');
    line = "relay: " + line + "\n";
    if (write(STDERR_FILENO, line.data(), line.size()) < 0)
        std::perror("relay");
}

thread_local Database database;

void answer(httplib::Response &response, const std::string &what, int status, const std::string &reason)
{
    log(std::to_string(status) + " " + what + ": " + reason);
    response.status = status;
}

void execute(httplib::Response &response, const std::string &what, const char *statement,
             const std::vector<Text> &parameters = {})
{
    try {
        database.execute(statement, parameters);
        response.status = 204;
    } catch (const Refused &e) {
        answer(response, what, e.status, e.what());
    } catch (const std::exception &e) {
        answer(response, what, 503, e.what());
    }
}

// Reads all of it, so that the connection is at the next request then, but keeps only what may be stored.
// Gives whether it came whole. A content reader, since the library itself ends forms at 8 kB.
bool read_body(const httplib::Request &request, const httplib::ContentReader &read, std::string &body)
{
    if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding"))
        return true;
    if (request.is_multipart_form_data())  // the library reads these in its own way or not at all
        return read([](const auto &) { return true; }, [](const char *, std::size_t) { return true; });
    return read([&](const char *data, std::size_t size) {
        body.append(data, std::min(size, max_body + 1 - body.size()));
        return true;
    });
}

// The URL that Twilio called, as it signed it: a proxy knows the true one, the request does not.
Text called_url(const Settings &settings, const httplib::Request &request)
{
    std::size_t query = request.target.find('?');
    if (!settings.public_url || query == std::string::npos)
        return settings.public_url;
    return *settings.public_url + request.target.substr(query);
}

void receive(const Settings &settings, const httplib::Request &request, httplib::Response &response,
             const httplib::ContentReader &read)
{
    const std::string what = "callback";
    std::string body;
    if (!read_body(request, read, body))
        answer(response, what, 400, "the body did not come whole");
    else if (body.size() > max_body)
        answer(response, what, 413, "the body is larger than " + std::to_string(max_body) + " bytes");
    else if (!request.get_header_value("Content-Type").starts_with("application/x-www-form-urlencoded"))
        answer(response, what, 415, "not a form");
    else if (std::string signature = request.get_header_value("X-Twilio-Signature"); signature.empty())
        answer(response, what, 403, "no X-Twilio-Signature");
    else
        execute(response, what, insert_callback, {body, signature, called_url(settings, request)});
}

// Routes are regular expressions.
std::string literally(const std::string &path)
{
    std::string pattern;
    for (char c : path) {
        if (std::string_view(".^$|()[]{}*+?\\").find(c) != std::string_view::npos)
            pattern += '\\';
        pattern += c;
    }
    return pattern;
}

void configure(httplib::Server &server, const Settings &settings)
{
    server.new_task_queue = [&] {
        return new httplib::ThreadPool(static_cast<std::size_t>(settings.threads));
    };
    server.set_tcp_nodelay(true);
    server.set_keep_alive_max_count(1000);
    server.set_keep_alive_timeout(1);  // an idle connection keeps a thread
    server.Get("/healthz", [](const httplib::Request &, httplib::Response &response) {
        execute(response, "healthz", "SELECT");
    });
    server.Post(literally(settings.path),
                [&](const httplib::Request &request, httplib::Response &response,
                    const httplib::ContentReader &read) { receive(settings, request, response, read); });
}

// Gives the port.
int bind(httplib::Server &server, const Settings &settings)
{
    int socket = -1;
    // The library's own option is SO_REUSEPORT, with which two relays would share a port and not know it.
    server.set_socket_options([&](int descriptor) {
        int on = 1;
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        socket = descriptor;
    });
    int port = settings.port;
    if (port == 0)
        port = server.bind_to_any_port(settings.address);
    else if (!server.bind_to_port(settings.address, port))
        port = -1;
    if (port <= 0)
        throw std::runtime_error("could not listen on " + settings.address + " port " +
                                 std::to_string(settings.port));
    // The library's own backlog is 5: the sixth caller at once would wait a second.
    listen(socket, SOMAXCONN);
    return port;
}

void announce(const std::string &address, int port)
{
    bool v6 = address.find(':') != std::string::npos;
    std::printf("listening on %s:%d\n", v6 ? ("[" + address + "]").c_str() : address.c_str(), port);
    std::fflush(stdout);
}

int serve(const Settings &settings)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before the first thread, so that all of them have it
    std::signal(SIGPIPE, SIG_IGN);

    httplib::Server server;
    configure(server, settings);
    announce(settings.address, bind(server, settings));

    std::atomic<bool> ending = false;
    std::atomic<bool> failed = false;
    std::thread listener([&] {
        server.listen_after_bind();
        failed = !ending;
        kill(getpid(), SIGTERM);
    });
    int signal = 0;
    sigwait(&ends, &signal);
    ending = true;
    server.stop();  // requests under way are answered first
    listener.join();
    if (failed)
        log("could not accept connections any more");
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
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
        return serve(settings);
    } catch (const std::exception &e) {
        log(e.what());
        return EXIT_FAILURE;
    }
}
