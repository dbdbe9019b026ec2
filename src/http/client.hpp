#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/retry.hpp"
#include "core/time.hpp"

namespace videoroom::http {

// How to get there; all empty: straight, and trusting whom the system trusts.
struct Route {
    std::string proxy;  // http or https URL; https requests are tunnelled through it by CONNECT
    std::string proxy_user;
    std::string proxy_password;
    std::string ca_file;  // PEM; of the only authorities that are trusted, for the proxy too
};

// One call. `url` is absolute; `method` is GET or POST, and a POST's body is already form-encoded. No user:
// no Authorization header. `tag` is the caller's and comes back with the answer. The time includes look-up
// and connect.
struct Request {
    std::uint64_t tag = 0;
    std::string method;
    std::string url;
    std::string user;
    std::string password;
    std::string body;
    long timeout_ms = 0;
    Route route = {};
};

// What became of it. `answered`: a whole HTTP answer came, whatever its status. `not_sent`: no byte of the
// request left this machine. `lost`: it may have arrived, and nobody knows. `error` is curl's words; it holds
// no secret.
struct Answer {
    std::uint64_t tag = 0;
    core::Transport transport = core::Transport::lost;
    long status = 0;  // only when answered
    std::string body;
    std::optional<core::Time> retry_after;  // how long Retry-After asks for, from now; may have passed
    std::optional<core::Time> date;         // Date, in whole seconds
    std::string request_id;                 // Twilio-Request-Id
    std::string error;
    core::Time took = 0;  // from start() to the end, waiting for a connection included
};

// Many HTTP requests at once on one thread, without ever blocking it. A POST is sent at most once. A GET is
// sent once more, on a new connection, when a kept one dies without an answer. Nothing else is retried, no
// redirect followed. Proxies and netrc of the environment are ignored; TLS is 1.2 or newer, and verified. The
// caller waits on descriptor() for at most timeout_ms() and then calls service(). Signals are blocked while
// curl runs, so its resolver threads never run the process's handlers. SIGPIPE must be ignored by the
// process.
class Client {
public:
    // At most `max_connections` sockets, kept alive between requests; further requests wait, on their own
    // time.
    Client(int max_connections, const std::string &user_agent);
    ~Client();  // drops what is in flight and every connection, at once
    Client(const Client &) = delete;
    Client &operator=(const Client &) = delete;

    // An epoll descriptor: readable when service() has something to do.
    int descriptor() const;

    // Milliseconds until service() must be called even if nothing was readable; -1: no such moment.
    long timeout_ms() const;

    // Begins a request. One that cannot even be set up gives an answer, not_sent. Throws
    // std::invalid_argument for a method other than GET and POST and for a time that is not positive.
    void start(Request request);

    // Does what can be done now. Throws std::runtime_error when curl itself is broken, and the client with
    // it.
    void service();

    // The answers since the last time, in the order in which they came.
    std::vector<Answer> take_answers();

private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

}  // namespace videoroom::http
