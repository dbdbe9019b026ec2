#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <system_error>

namespace videoroom::http {

// A set of sockets to watch. One that its owner closes is forgotten.
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
    bool watch(int socket, std::uint32_t events) { return set(socket, events, socket); }

    // A socket that should stay silent: one event, with ~socket in data.fd, when anything comes, or its end.
    void watch_idle(int socket) { set(socket, EPOLLIN | EPOLLRDHUP | EPOLLET, ~socket); }

    // What has happened by now; valid until the next call.
    std::span<const epoll_event> ready()
    {
        int count = epoll_wait(fd_, events_.data(), static_cast<int>(events_.size()), 0);
        if (count < 0)
            throw std::system_error(errno, std::generic_category(), "could not read epoll set");
        return {events_.data(), static_cast<std::size_t>(count)};
    }

private:
    bool set(int socket, std::uint32_t events, int data)
    {
        epoll_event event = {};
        event.events = events;
        event.data.fd = data;
        return epoll_ctl(fd_, EPOLL_CTL_MOD, socket, &event) == 0 ||
               (errno == ENOENT && epoll_ctl(fd_, EPOLL_CTL_ADD, socket, &event) == 0);
    }

    int fd_;
    // As good as all at once: who has closed is known before a request goes out.
    std::array<epoll_event, 1024> events_ = {};
};

}  // namespace videoroom::http
