// The HTTP front: reads requests, lets faults strike, asks Rest or Control, writes the ledger.
#pragma once

#include <httplib.h>

#include <atomic>

#include "control.hpp"

namespace sim {

class Server {
public:
    Server(Twilio &twilio, std::size_t threads);

    /// The port it listens on; port 0 lets the kernel choose. Throws std::runtime_error.
    int bind(const std::string &host, int port);
    /// Serves until stop().
    void run();
    void stop();

private:
    void handle(const httplib::Request &request, httplib::Response &response, const std::string &body);
    void handle_rest(const httplib::Request &request, httplib::Response &response, Call &call);
    Reply work(const httplib::Request &request, Call &call, Seen &seen);
    void locate(const Call &call, Seen &seen);
    void answer(const httplib::Request &request, httplib::Response &response,
                const std::optional<Fault> &fault, const Reply &reply, Seen &seen);

    Twilio &twilio_;
    Control control_;
    httplib::Server server_;
    std::atomic<int> concurrent_{0};
    int port_ = 0;
    int listening_ = -1;
};

}  // namespace sim
