#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/time.hpp"

// Lengths of time, counted in buckets that grow with them: each octave from a millisecond to 38 hours has
// eight, so that a quantile is wrong by an eighth at most, whatever it is.
namespace videoroom::core {

inline constexpr std::size_t histogram_size = 1 + std::size_t{27} * 8;

using HistogramCounts = std::array<std::uint64_t, histogram_size>;

// The bucket of a length; what is shorter or longer than all of them is in the first or the last.
std::size_t bucket_of(Time length) noexcept;

// The length that a part of all (0 to 1) do not exceed; nullopt where there are none.
std::optional<Time> quantile(const HistogramCounts &counts, double part);

}  // namespace videoroom::core
