#include "twilio.hpp"

namespace sim {

Twilio::Twilio(const Settings &initial, std::uint64_t seed)
    : settings(initial),
      random(seed),
      callbacks(settings, random),
      world(clock, settings, random, [this](const Notice &notice) { callbacks.add(notice); }),
      rest(world, settings, clock)
{
}

}  // namespace sim
