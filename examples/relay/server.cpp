#include "server.hpp"

#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace {

constexpr std::size_t max_body = 65536;
constexpr auto patience = std::chrono::seconds(10);
constexpr std::size_t header_memory = 16384;  // of each connection
constexpr unsigned most_connections = 20000;
constexpr unsigned spare_descriptors = 64;

// As many as the system lets us have.
unsigned connection_limit()
{
    rlimit files = {};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
    const auto available =
        static_cast<unsigned>(std::min<rlim_t>(files.rlim_cur, most_connections + spare_descriptors));
    return available > 2 * spare_descriptors ? available - spare_descriptors : spare_descriptors;
}

struct FreeAddresses {
    void operator()(addrinfo *found) const { freeaddrinfo(found); }
};

// SO_REUSEADDR, but not SO_REUSEPORT, with which two relays would share a port and not know it.
int listen_at(const std::string &address, int port)
{
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo *found = nullptr;
    getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
    const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
    for (const addrinfo *one = addresses.get(); one != nullptr; one = one->ai_next) {
        const int listener =
            socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, one->ai_protocol);
        const int on = 1;
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (listener >= 0 && bind(listener, one->ai_addr, one->ai_addrlen) == 0 &&
            listen(listener, SOMAXCONN) == 0)
            return listener;
        close(listener);
    }
    throw std::runtime_error("could not listen on " + address + " port " + std::to_string(port));
}

int port_of(int listener)
{
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size);
    char service[NI_MAXSERV] = "";
    getnameinfo(reinterpret_cast<sockaddr *>(&address), size, nullptr, 0, service, sizeof(service),
                NI_NUMERICSERV);
    return std::atoi(service);
}

}  // namespace

std::string Request::header(const char *name) const
{
    const char *value = MHD_lookup_connection_value(connection_, MHD_HEADER_KIND, name);
    return value != nullptr ? value : "";
}

void Request::answer(int status)
{
    status_ = status;
    if (suspended_)
        MHD_resume_connection(connection_);
    suspended_ = false;
}

Server::Server(const std::string &address, int port, Handler handler) : handler_(std::move(handler))
{
    const int listener = listen_at(address, port);
    port_ = port_of(listener);
    daemon_ =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, on_request, this,
                         MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, connection_limit(),
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, header_memory, MHD_OPTION_URI_LOG_CALLBACK,
                         on_uri, this, MHD_OPTION_NOTIFY_COMPLETED, on_completed, this,
                         MHD_OPTION_NOTIFY_CONNECTION, on_connection, this, MHD_OPTION_END);
    if (daemon_ == nullptr) {
        close(listener);
        throw std::runtime_error("could not start the HTTP server");
    }
}

Server::~Server()
{
    MHD_stop_daemon(daemon_);
}

int Server::descriptor() const
{
    return MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

Clock::time_point Server::due() const
{
    MHD_UNSIGNED_LONG_LONG milliseconds = 0;
    const auto first = std::find_if(connections_.begin(), connections_.end(),
                                    [](const Connection &one) { return !one.answering; });
    const auto limit = first == connections_.end() ? Clock::time_point::max() : first->limit;
    if (MHD_get_timeout(daemon_, &milliseconds) != MHD_YES)
        return limit;
    return std::min(limit, Clock::now() + std::chrono::milliseconds(milliseconds));
}

void Server::go_on()
{
    cut_off();
    MHD_run(daemon_);
}

void Server::stop_listening()
{
    const int listener = MHD_quiesce_daemon(daemon_);
    if (listener != MHD_INVALID_SOCKET)
        close(listener);
}

// The library sees that the other side has gone.
void Server::cut_off()
{
    const auto now = Clock::now();
    for (Connection &one : connections_) {
        if (one.limit > now)
            return;
        if (!one.answering)
            shutdown(one.descriptor, SHUT_RDWR);
    }
}

Server::Place Server::place_of(MHD_Connection *connection)
{
    return *static_cast<Place *>(
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
}

void Server::give_time(Place place)
{
    place->answering = false;
    place->limit = Clock::now() + patience;
    connections_.splice(connections_.end(), connections_, place);
}

void Server::on_connection(void *context, MHD_Connection *connection, void **place,
                           MHD_ConnectionNotificationCode code)
{
    auto &self = *static_cast<Server *>(context);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const int descriptor =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        self.connections_.push_back({descriptor, Clock::now() + patience});
        *place = std::make_unique<Place>(std::prev(self.connections_.end())).release();
        return;
    }
    const std::unique_ptr<Place> gone(static_cast<Place *>(*place));
    self.connections_.erase(*gone);
}

// The request line is there; its query is to be known as it came, since that is what was signed.
void *Server::on_uri(void *context, const char *uri, MHD_Connection *connection)
{
    static_cast<Server *>(context)->give_time(place_of(connection));
    auto request = std::make_unique<Request>();
    request->connection_ = connection;
    if (const char *query = std::strchr(uri, '?'))
        request->query = query;
    return request.release();
}

MHD_Result Server::on_request(void *context, MHD_Connection *connection, const char *url, const char *method,
                              const char *, const char *data, std::size_t *size, void **stored)
{
    auto &self = *static_cast<Server *>(context);
    auto &request = *static_cast<Request *>(*stored);
    if (request.status_) {
        MHD_Response *response = MHD_create_response_from_buffer(0, nullptr, MHD_RESPMEM_PERSISTENT);
        const MHD_Result queued =
            MHD_queue_response(connection, static_cast<unsigned>(*request.status_), response);
        MHD_destroy_response(response);
        return queued;
    }
    if (request.method.empty()) {
        request.method = method;
        request.path = url;
        return MHD_YES;
    }
    if (*size > 0) {
        request.body.append(data, std::min(*size, max_body + 1 - request.body.size()));
        *size = 0;
        return MHD_YES;
    }
    if (!request.handed_over_) {
        request.handed_over_ = request.whole = true;
        place_of(connection)->answering = true;
        self.handler_(request);
    }
    if (request.status_)
        return on_request(context, connection, url, method, nullptr, data, size, stored);
    request.suspended_ = true;
    MHD_suspend_connection(connection);
    return MHD_YES;
}

void Server::on_completed(void *context, MHD_Connection *connection, void **stored,
                          MHD_RequestTerminationCode)
{
    const std::unique_ptr<Request> request(static_cast<Request *>(*stored));
    *stored = nullptr;
    static_cast<Server *>(context)->give_time(place_of(connection));
}
