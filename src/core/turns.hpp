#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace videoroom::core {

// Classes of work take turns at something of which there is little, each as often as its weight says: of any
// so many turns in a row, a class that wants each of them gets its share by weight, less one. What a class
// had no use for it has not saved up. Of those that begin to want one together the heaviest comes first.
template <std::size_t count>
class Turns {
public:
    explicit constexpr Turns(std::array<int, count> weights) : weights_(weights) {}

    // Whose turn it is, of those that want one.
    std::optional<std::size_t> next(const std::array<bool, count> &wants)
    {
        std::optional<std::size_t> chosen;
        for (std::size_t i = 0; i < count; i++) {
            if (wants[i] && !waits_[i])
                begin_[i] = std::max(end_[i], clock_);
            waits_[i] = wants[i];
            if (wants[i] && (!chosen || end_of_turn(i) < end_of_turn(*chosen)))
                chosen = i;
        }
        if (chosen) {
            clock_ = std::max(clock_, begin_[*chosen]);
            end_[*chosen] = end_of_turn(*chosen);
            waits_[*chosen] = false;
        }
        return chosen;
    }

private:
    double end_of_turn(std::size_t i) const { return begin_[i] + 1.0 / weights_[i]; }

    std::array<int, count> weights_;
    // By a clock on which a turn takes the longer, the lighter the class: fair queuing.
    std::array<double, count> begin_{}, end_{};
    std::array<bool, count> waits_{};
    double clock_ = 0;
};

}  // namespace videoroom::core
