// The TCP connection under a request, which httplib hides: what a fault does to it.
#pragma once

#include <string_view>

namespace sim {

/// The descriptor of this process's connection from that port to ours, or -1.
int find_connection(int peer_port, int our_port);

/// Sends all of it; false when the peer has gone.
bool send_all(int descriptor, std::string_view bytes);

bool peer_has_gone(int descriptor);

/// Closes the connection: with a reset (RST), or in the ordinary way (FIN). The descriptor stays taken, by a
/// dead socket, so that httplib may still close it.
void reset_connection(int descriptor);
void finish_connection(int descriptor);

}  // namespace sim
