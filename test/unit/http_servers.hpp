#pragma once

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace videoroom::test {

// A well-behaved HTTP server on a loopback port of the kernel's choice: add handlers to `server`, then
// start().
class HttpServer {
public:
    HttpServer()
    {
        server.new_task_queue = [] { return new httplib::ThreadPool(64); };
        server.set_tcp_nodelay(true);
        server.set_keep_alive_max_count(1000);
        server.set_socket_options([this](socket_t socket) { socket_ = socket; });
    }
    ~HttpServer()
    {
        server.stop();
        if (thread_.joinable())
            thread_.join();
    }
    HttpServer(const HttpServer &) = delete;
    HttpServer &operator=(const HttpServer &) = delete;

    void start()
    {
        port_ = server.bind_to_any_port("127.0.0.1");
        listen(socket_, 256);  // the library's own backlog is 5
        thread_ = std::thread([this] { server.listen_after_bind(); });
        while (!server.is_running())
            std::this_thread::yield();
    }
    std::string url(const std::string &path) const
    {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }

    httplib::Server server;

private:
    socket_t socket_ = -1;
    int port_ = 0;
    std::thread thread_;
};

// A server that does to each connection, one after the other, what it is told: for answers no library would
// give.
class RawServer {
public:
    explicit RawServer(std::function<void(int)> converse) : converse_(std::move(converse))
    {
        socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        bind(socket_, reinterpret_cast<sockaddr *>(&address), sizeof(address));
        listen(socket_, 256);
        socklen_t size = sizeof(address);
        getsockname(socket_, reinterpret_cast<sockaddr *>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~RawServer()
    {
        shutdown(socket_, SHUT_RDWR);
        thread_.join();
        close(socket_);
    }
    RawServer(const RawServer &) = delete;
    RawServer &operator=(const RawServer &) = delete;

    std::string url(const std::string &path, const std::string &scheme = "http") const
    {
        return scheme + "://127.0.0.1:" + std::to_string(port_) + path;
    }
    int connections() const { return connections_; }

    // Reads up to the end of the headers; empty when the other side has gone.
    static std::string read_head(int connection)
    {
        std::string head;
        char byte = 0;
        while (head.find("\r\n\r\n") == std::string::npos) {
            if (recv(connection, &byte, 1, 0) != 1)
                return {};
            head += byte;
        }
        return head;
    }
    // Gives false when the other side has gone.
    static bool write(int connection, const std::string &data)
    {
        std::size_t done = 0;
        while (done < data.size()) {
            ssize_t written = send(connection, data.data() + done, data.size() - done, MSG_NOSIGNAL);
            if (written <= 0)
                return false;
            done += static_cast<std::size_t>(written);
        }
        return true;
    }
    static void reset(int connection)
    {
        linger now = {1, 0};
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    // Returns once the other side has closed.
    static void wait_for_close(int connection)
    {
        char buffer[4096];
        while (recv(connection, buffer, sizeof(buffer), 0) > 0) {
        }
    }

private:
    void serve()
    {
        for (;;) {
            int connection = accept(socket_, nullptr, nullptr);
            if (connection < 0)
                return;
            connections_++;
            converse_(connection);
            close(connection);
        }
    }

    std::function<void(int)> converse_;
    int socket_ = -1;
    int port_ = 0;
    std::atomic<int> connections_ = 0;
    std::thread thread_;
};

}  // namespace videoroom::test
