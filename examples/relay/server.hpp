// The HTTP side: who posts what, and for how long.
#pragma once

#include <microhttpd.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "database.hpp"

// A request that has come whole. It is answered once, now or later.
class Request {
public:
    std::string method;
    std::string path;
    Text query;        // as it came, with its '?'
    std::string body;  // at most one byte more than may be stored
    bool whole = false;

    std::string header(const char *name) const;

    void answer(int status);

private:
    friend class Server;

    MHD_Connection *connection_ = nullptr;
    std::optional<int> status_;
    bool handed_over_ = false;
    bool suspended_ = false;
};

// Serves many connections in the caller's thread. Whoever takes longer than some seconds for a request, or to
// begin one, is cut off, however steadily it trickles.
class Server {
public:
    using Handler = std::function<void(Request &)>;

    // Throws std::runtime_error if it cannot listen there. Port 0 is a free one.
    Server(const std::string &address, int port, Handler handler);
    ~Server();
    Server(const Server &) = delete;
    Server &operator=(const Server &) = delete;

    int port() const { return port_; }

    int descriptor() const;
    Clock::time_point due() const;
    void go_on();

    void stop_listening();

private:
    struct Connection {
        int descriptor;
        Clock::time_point limit;
        bool answering = false;  // it waits for us
    };
    using Place = std::list<Connection>::iterator;

    static void *on_uri(void *self, const char *uri, MHD_Connection *connection);
    static MHD_Result on_request(void *self, MHD_Connection *connection, const char *url, const char *method,
                                 const char *version, const char *data, std::size_t *size, void **request);
    static void on_completed(void *self, MHD_Connection *connection, void **request,
                             MHD_RequestTerminationCode code);
    static void on_connection(void *self, MHD_Connection *connection, void **context,
                              MHD_ConnectionNotificationCode code);
    static Place place_of(MHD_Connection *connection);

    void give_time(Place place);
    void cut_off();

    Handler handler_;
    std::list<Connection> connections_;  // by their limits
    MHD_Daemon *daemon_ = nullptr;
    int port_ = 0;
};
