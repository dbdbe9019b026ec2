// Whether this worker may work at all.
#pragma once

#include "pg/shared_state.hpp"

namespace videoroom::worker {

struct Prerequisites {
    pg::shared::Pause pause = pg::shared::Pause::none;
    bool booked = false;  // there has been a booking
};

// Compares the database with this cluster and this library. Adopts it silently after pg_upgrade. A pause is
// logged when it begins.
Prerequisites check_prerequisites();

}  // namespace videoroom::worker
