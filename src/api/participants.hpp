// Who is invited to a room. Its row must be locked.
#pragma once

#include <string>
#include <vector>

#include "pg/spi.hpp"

namespace videoroom::api {

// Invites more people, each once; lifts a removal. InvalidInput if it gets too many.
void invite(pg::Spi &spi, const std::string &room_id, const std::vector<std::string> &users);

enum class Removal { unknown, before, now };

// Puts somebody out who is invited, or is there uninvited; `unknown`: nobody of that name is. Settling puts
// out the connections we know of.
Removal put_out(pg::Spi &spi, const std::string &room_id, const std::string &user_id);

}  // namespace videoroom::api
