// What a fault makes of an answer, and of the connection it would have gone out on.
#pragma once

#include "faults.hpp"
#include "rest.hpp"

namespace sim {

/// The answer with everything that the fault changes in it; it is still an ordinary HTTP answer.
Reply spoil(const Fault &fault, const Rest &rest, Reply reply);

/// Whether the fault takes the connection away from the HTTP server.
bool breaks_connection(const Fault &fault);

/// Hangs, resets, cuts, drips; the connection is gone afterwards. Returns the outcome for the ledger. A
/// hanging request is let go when `faults` are cleared.
std::string break_connection(int connection, const Fault &fault, const Reply &reply, const Faults &faults);

}  // namespace sim
