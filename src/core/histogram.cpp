#include "core/histogram.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace videoroom::core {
namespace {

constexpr int shortest_bits = 10;  // 2^10 microseconds
constexpr int octave_bits = 3;     // 2^3 buckets

// Where a bucket begins.
Time beginning(std::size_t bucket)
{
    if (bucket == 0)
        return 0;
    const std::size_t octave = (bucket - 1) >> octave_bits;
    const std::size_t part = (bucket - 1) & ((1U << octave_bits) - 1);
    return static_cast<Time>((std::size_t{1} << octave_bits) + part)
           << (octave + shortest_bits - octave_bits);
}

}  // namespace

std::size_t bucket_of(Time length) noexcept
{
    if (length < Time{1} << shortest_bits)
        return 0;
    const auto value = static_cast<std::uint64_t>(length);
    const auto octave = static_cast<std::size_t>(std::bit_width(value)) - 1 - shortest_bits;
    const std::size_t part = (value >> (octave + shortest_bits - octave_bits)) & ((1U << octave_bits) - 1);
    return std::min(histogram_size - 1, 1 + (octave << octave_bits) + part);
}

std::optional<Time> quantile(const HistogramCounts &counts, double part)
{
    const auto total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    if (total == 0)
        return std::nullopt;
    double rank = std::clamp(part, 0.0, 1.0) * static_cast<double>(total);
    std::size_t bucket = 0;
    while (bucket + 1 < histogram_size && static_cast<double>(counts[bucket]) < rank)
        rank -= static_cast<double>(counts[bucket++]);
    const auto here = static_cast<double>(counts[bucket]);
    const double share = here > 0 ? std::min(1.0, rank / here) : 0;
    const Time begin = beginning(bucket);
    return begin + static_cast<Time>(share * static_cast<double>(beginning(bucket + 1) - begin));
}

}  // namespace videoroom::core
