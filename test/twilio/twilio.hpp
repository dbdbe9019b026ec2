// All parts of one simulated Twilio, put together.
#pragma once

#include "callbacks.hpp"
#include "faults.hpp"
#include "ledger.hpp"
#include "rate_limit.hpp"
#include "rest.hpp"

namespace sim {

struct Twilio {
    Twilio(const Settings &initial, std::uint64_t seed);

    Clock clock;
    SettingsStore settings;
    Random random;
    Callbacks callbacks;
    World world;
    Rest rest;
    Faults faults;
    Ledger ledger;
    RateLimit reads, writes;
};

}  // namespace sim
