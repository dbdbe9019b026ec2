#include <gtest/gtest.h>

#include <limits>

#include "core/histogram.hpp"

namespace videoroom::core {
namespace {

HistogramCounts counted(std::initializer_list<Time> lengths)
{
    HistogramCounts counts{};
    for (Time length : lengths)
        counts[bucket_of(length)]++;
    return counts;
}

TEST(Histogram, BucketsGrowWithoutGaps)
{
    EXPECT_EQ(bucket_of(0), 0U);
    EXPECT_EQ(bucket_of(1023), 0U);
    EXPECT_EQ(bucket_of(1024), 1U);
    std::size_t last = 0;
    for (Time length = 0; length < 40 * second; length += 100) {
        const std::size_t bucket = bucket_of(length);
        EXPECT_TRUE(bucket == last || bucket == last + 1) << length;
        last = bucket;
    }
}

TEST(Histogram, WhatIsOutOfRangeIsInTheOuterBuckets)
{
    EXPECT_EQ(bucket_of(-second), 0U);
    EXPECT_EQ(bucket_of(37 * hour), histogram_size - 1);
    EXPECT_LT(bucket_of(33 * hour), histogram_size - 1);
    EXPECT_EQ(bucket_of(std::numeric_limits<Time>::max()), histogram_size - 1);
}

TEST(Histogram, NothingHasNoQuantile)
{
    EXPECT_EQ(quantile(HistogramCounts{}, 0.5), std::nullopt);
}

TEST(Histogram, QuantilesAreWithinAnEighth)
{
    for (Time length : {2 * millisecond, 37 * millisecond, second, 10 * second, minute, hour, 24 * hour})
        for (double part : {0.01, 0.5, 0.95, 0.99, 1.0}) {
            const auto found = static_cast<double>(*quantile(counted({length, length, length}), part));
            EXPECT_NEAR(found, static_cast<double>(length), static_cast<double>(length) / 8) << part;
        }
}

TEST(Histogram, QuantilesFollowTheRank)
{
    HistogramCounts counts{};
    counts[bucket_of(10 * millisecond)] = 90;
    counts[bucket_of(second)] = 8;
    counts[bucket_of(10 * second)] = 2;
    EXPECT_LT(*quantile(counts, 0.5), 12 * millisecond);
    EXPECT_NEAR(static_cast<double>(*quantile(counts, 0.95)), second, second / 8.0);
    EXPECT_NEAR(static_cast<double>(*quantile(counts, 0.99)), 10 * second, 10 * second / 8.0);
    EXPECT_GE(*quantile(counts, 1), *quantile(counts, 0.99));
    EXPECT_EQ(quantile(counts, 7), quantile(counts, 1));
}

}  // namespace
}  // namespace videoroom::core
