#include "socket.hpp"

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace sim {

namespace {

using NameOf = int (*)(int, sockaddr *, socklen_t *);

int port_of(int descriptor, NameOf name_of)
{
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (name_of(descriptor, reinterpret_cast<sockaddr *>(&address), &length) != 0)
        return -1;
    if (address.ss_family == AF_INET)
        return ntohs(reinterpret_cast<const sockaddr_in *>(&address)->sin_port);
    return address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6 *>(&address)->sin6_port)
                                         : -1;
}

}  // namespace

int find_connection(int peer_port, int our_port)
{
    std::unique_ptr<DIR, int (*)(DIR *)> open_files(opendir("/proc/self/fd"), &closedir);
    if (!open_files)
        return -1;
    while (const dirent *entry = readdir(open_files.get())) {
        int descriptor = std::atoi(entry->d_name);
        if (entry->d_name[0] != '.' && port_of(descriptor, &getpeername) == peer_port &&
            port_of(descriptor, &getsockname) == our_port)
            return descriptor;
    }
    return -1;
}

bool send_all(int descriptor, std::string_view bytes)
{
    while (!bytes.empty()) {
        ssize_t sent = send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool peer_has_gone(int descriptor)
{
    pollfd watched{descriptor, POLLRDHUP, 0};
    return poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void finish_connection(int descriptor)
{
    int dead = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (dead < 0)
        std::abort();  // out of descriptors: the fault that was asked for cannot be had
    dup2(dead, descriptor);
    close(dead);
}

void reset_connection(int descriptor)
{
    linger at_once{1, 0};
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    finish_connection(descriptor);
}

}  // namespace sim
