// What comes with the clock: rooms expire, sessions get lost, callbacks are tried again, old rows go.
#pragma once

namespace videoroom::worker {

// Does one bounded batch of what is due at once; true if there may be more.
[[nodiscard]] bool close_and_apply();

// The same for what can wait for a quiet moment.
[[nodiscard]] bool give_up_lost();
[[nodiscard]] bool forget_old();

}  // namespace videoroom::worker
