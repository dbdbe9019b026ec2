#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>

namespace videoroom::http {

// A set of sockets to watch, level-triggered.
class Epoll {
public:
    Epoll() : fd_(epoll_create1(EPOLL_CLOEXEC))
    {
        if (fd_ < 0)
            throw std::system_error(errno, std::generic_category(), "could not create epoll set");
    }
    ~Epoll() { close(fd_); }
    Epoll(const Epoll &) = delete;
    Epoll &operator=(const Epoll &) = delete;

    int fd() const { return fd_; }

    // Gives whether the kernel took it.
    bool watch(int socket, std::uint32_t events)
    {
        epoll_event event = {};
        event.events = events;
        event.data.fd = socket;
        return epoll_ctl(fd_, EPOLL_CTL_MOD, socket, &event) == 0 ||
               (errno == ENOENT && epoll_ctl(fd_, EPOLL_CTL_ADD, socket, &event) == 0);
    }

    // Of a socket that is idle: one EPOLLRDHUP when the other side closes, or has closed. One that its owner
    // closes is forgotten.
    void watch_hangup(int socket) { watch(socket, EPOLLRDHUP | EPOLLET); }

    // What has happened by now; valid until the next call.
    std::span<const epoll_event> ready()
    {
        int count = epoll_wait(fd_, events_.data(), static_cast<int>(events_.size()), 0);
        if (count < 0)
            throw std::system_error(errno, std::generic_category(), "could not read epoll set");
        return {events_.data(), static_cast<std::size_t>(count)};
    }

private:
    int fd_;
    std::array<epoll_event, 1024> events_ =
        {};  // as good as all: who closed is known before a request goes out
};

}  // namespace videoroom::http
