#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/rate_limit.hpp"

namespace videoroom::core {
namespace {

constexpr Time start = 1'700'000'000 * second;

// The moments at which a caller gets who asks as soon as there may be a token.
std::vector<Time> greedy(TokenBucket bucket, double per_second, Time from, Time length)
{
    std::vector<Time> taken;
    for (Time now = from; now < from + length;) {
        if (bucket.take(now, per_second))
            taken.push_back(now);
        else
            now = std::max(now + 1, bucket.next(now, per_second));
    }
    return taken;
}

TEST(TokenBucket, NoSecondHasMoreThanTheQuotaEvenIfCallsArriveCloser)
{
    for (double quota : {1.0, 2.0, 7.0, 20.0, 80.0, 1000.0}) {
        const auto taken = greedy(TokenBucket{}, quota, start, 5 * second);
        for (std::size_t i = 0; i < taken.size(); ++i) {
            const auto end =
                std::lower_bound(taken.begin(), taken.end(), taken[i] + second + 40 * millisecond);
            EXPECT_LE(end - taken.begin() - static_cast<std::ptrdiff_t>(i), quota) << quota;
        }
    }
}

TEST(TokenBucket, GivesNearlyTheQuota)
{
    EXPECT_GE(greedy(TokenBucket{}, 20, start, 10 * second).size(), 180U);
    EXPECT_GE(greedy(TokenBucket{}, 80, start, 10 * second).size(), 690U);
    EXPECT_GE(greedy(TokenBucket{}, 1, start, 10 * second).size(), 10U);
}

TEST(TokenBucket, NextIsWhenThereIsOne)
{
    TokenBucket bucket{};
    EXPECT_EQ(bucket.next(start, 1), start);
    EXPECT_TRUE(bucket.take(start, 1));
    EXPECT_FALSE(bucket.take(start, 1));
    const Time next = bucket.next(start, 1);
    EXPECT_GT(next, start + second);
    EXPECT_LT(next, start + second + 100 * millisecond);
    EXPECT_FALSE(bucket.take(next - 10 * millisecond, 1));
    EXPECT_TRUE(bucket.take(next, 1));
}

TEST(TokenBucket, NextDrawsNearAfterAClockIsSetBack)
{
    TokenBucket bucket{};
    while (bucket.take(start, 20)) {
    }
    bucket.follow_clock(start - hour);
    const Time next = bucket.next(start - hour, 20);
    EXPECT_LE(next, start - hour + second);
    bucket.follow_clock(next);
    EXPECT_EQ(bucket.next(next, 20), next);
    EXPECT_TRUE(bucket.take(next, 20));
}

TEST(TokenBucket, SurvivesAClockThatIsSetBack)
{
    TokenBucket bucket{};
    while (bucket.take(start, 20)) {
    }
    EXPECT_FALSE(bucket.take(start - hour, 20));
    EXPECT_LE(bucket.next(start - hour, 20), start - hour + second);
    EXPECT_TRUE(bucket.take(start - hour + second, 20));
}

TEST(TokenBucket, ClocksALittleApartRefillNothingTwice)
{
    TokenBucket bucket{};
    while (bucket.take(start, 20)) {
    }
    for (int i = 0; i < 1000; ++i)
        EXPECT_FALSE(bucket.take(start + (i % 2) * millisecond, 20));
}

Breaker opened(Time now)
{
    Breaker breaker{};
    for (int i = 0; i < 5; ++i)
        breaker.failed(now, 1.0);
    return breaker;
}

TEST(Breaker, LetsEverythingThroughAtFirst)
{
    Breaker breaker{};
    EXPECT_FALSE(breaker.is_open(start));
    EXPECT_EQ(breaker.next(start), start);
    for (int i = 0; i < 100; ++i)
        EXPECT_TRUE(breaker.allows(start));
}

TEST(Breaker, OpensAfterFiveFailuresInARow)
{
    Breaker breaker{};
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 4; ++i)
            breaker.failed(start, 1.0);
        EXPECT_TRUE(breaker.allows(start));
        breaker.succeeded();
    }
    breaker = opened(start);
    EXPECT_TRUE(breaker.is_open(start));
    EXPECT_FALSE(breaker.allows(start));
    EXPECT_EQ(breaker.next(start), start + second);
}

TEST(Breaker, LetsOneProbeThroughAtATime)
{
    Breaker breaker = opened(start);
    const Time later = breaker.next(start);
    EXPECT_FALSE(breaker.is_open(later));
    EXPECT_TRUE(breaker.allows(later));
    EXPECT_FALSE(breaker.allows(later));
    EXPECT_TRUE(breaker.is_open(later));
    breaker.succeeded();
    EXPECT_TRUE(breaker.allows(later));
    EXPECT_TRUE(breaker.allows(later));
}

TEST(Breaker, RestsTwiceAsLongAfterEachFailedProbeUpTo30Seconds)
{
    Breaker breaker = opened(start);
    Time now = start;
    for (Time rest : {1, 2, 4, 8, 16, 30, 30, 30}) {
        EXPECT_EQ(breaker.next(now) - now, rest * second);
        now = breaker.next(now);
        ASSERT_TRUE(breaker.allows(now));
        breaker.failed(now, 1.0);
    }
}

TEST(Breaker, JitterTakesUpToHalfTheRest)
{
    Breaker breaker{};
    for (int i = 0; i < 5; ++i)
        breaker.failed(start, 0.0);
    EXPECT_EQ(breaker.next(start), start + second / 2);
}

TEST(Breaker, ManyCallsThatFailTogetherOpenItOnce)
{
    Breaker breaker{};
    for (int i = 0; i < 50; ++i)
        breaker.failed(start, 1.0);
    EXPECT_EQ(breaker.next(start), start + second);
}

TEST(Breaker, ProbeThatIsNeverReportedOnIsForgotten)
{
    Breaker breaker = opened(start);
    const Time probe = breaker.next(start);
    ASSERT_TRUE(breaker.allows(probe));
    const Time again = breaker.next(probe);
    EXPECT_GT(again, probe + minute);
    EXPECT_FALSE(breaker.allows(again - 1));
    EXPECT_TRUE(breaker.allows(again));
}

TEST(Breaker, AbandonedProbeMakesRoomForAnother)
{
    Breaker breaker = opened(start);
    const Time probe = breaker.next(start);
    ASSERT_TRUE(breaker.allows(probe));
    breaker.abandoned();
    EXPECT_TRUE(breaker.allows(probe));
}

TEST(Breaker, ObeysRetryAfter)
{
    Breaker breaker{};
    breaker.limited(start, start + 10 * second);
    breaker.limited(start, start + 5 * second);
    EXPECT_TRUE(breaker.is_open(start + 9 * second));
    EXPECT_EQ(breaker.next(start), start + 10 * second);
    breaker.succeeded();
    EXPECT_FALSE(breaker.allows(start + 9 * second));
    EXPECT_TRUE(breaker.allows(start + 10 * second));
    breaker.limited(start + 20 * second, std::nullopt);
    EXPECT_EQ(breaker.next(start + 20 * second), start + 21 * second);
}

TEST(Breaker, PausesForASecondWhereRetryAfterHasPassed)
{
    Breaker breaker{};
    breaker.limited(start, start - minute);
    EXPECT_EQ(breaker.next(start), start + second);
}

TEST(Breaker, ObeysRetryAfterOfAFailure)
{
    Breaker breaker{};
    breaker.failed(start, 0.0, start + minute);
    EXPECT_TRUE(breaker.is_open(start + 59 * second));
    EXPECT_TRUE(breaker.allows(start + minute));
    breaker = opened(start);
    breaker.failed(start, 0.0, start + minute);
    EXPECT_EQ(breaker.next(start), start + minute);
}

TEST(Breaker, LimitedProbeShowsThatTwilioIsThere)
{
    Breaker breaker = opened(start);
    const Time probe = breaker.next(start);
    ASSERT_TRUE(breaker.allows(probe));
    breaker.limited(probe, std::nullopt);
    EXPECT_TRUE(breaker.allows(probe + second));
    EXPECT_TRUE(breaker.allows(probe + second));
}

TEST(Breaker, RefusedCredentialsAreProbedOnceAMinute)
{
    Breaker breaker{};
    breaker.refused(start, 20003);
    EXPECT_FALSE(breaker.allows(start + 59 * second));
    EXPECT_TRUE(breaker.allows(start + minute));
    EXPECT_FALSE(breaker.allows(start + minute));
    breaker.refused(start + minute, 20003);
    EXPECT_FALSE(breaker.allows(start + 119 * second));
    EXPECT_TRUE(breaker.allows(start + 2 * minute));
    breaker.failed(start + 2 * minute, 0.0);
    EXPECT_EQ(breaker.next(start + 2 * minute), start + 3 * minute);
    breaker.succeeded();
    EXPECT_TRUE(breaker.allows(start + 2 * minute));
}

TEST(Breaker, OtherCredentialsAreTriedAtOnce)
{
    Breaker breaker{};
    breaker.refused(start, 20003);
    breaker.credentials_changed();
    EXPECT_TRUE(breaker.allows(start));
    EXPECT_TRUE(breaker.allows(start));
    breaker = opened(start);
    breaker.credentials_changed();
    EXPECT_FALSE(breaker.allows(start));
}

TEST(Breaker, SurvivesAClockThatIsSetBack)
{
    Breaker breaker = opened(start);
    EXPECT_TRUE(breaker.allows(start - 2 * hour));
    breaker.limited(start, start + minute);
    breaker.succeeded();
    EXPECT_TRUE(breaker.allows(start - 2 * hour));
}

TEST(Breaker, DenialOfOneRoomIsNotTheAccounts)
{
    Breaker breaker{};
    for (int i = 0; i < 10; i++) {
        breaker.denied(start, 20403, 1);
        EXPECT_TRUE(breaker.allows(start));
    }
    breaker.succeeded(2);
    breaker.denied(start, 20403, 3);
    breaker.succeeded(3);  // another call of the same room says nothing of others
    EXPECT_TRUE(breaker.allows(start));
    EXPECT_FALSE(breaker.unauthorized);
}

TEST(Breaker, DenialOfTwoRoomsIsTheAccounts)
{
    Breaker breaker{};
    breaker.denied(start, 20403, 1);
    breaker.denied(start, 20006, 2);
    EXPECT_TRUE(breaker.unauthorized);
    EXPECT_EQ(breaker.refused_with, 20006);
    EXPECT_FALSE(breaker.allows(start + minute - second));
    EXPECT_TRUE(breaker.allows(start + minute));
    breaker.denied(start + minute, 20403, 2);
    EXPECT_TRUE(breaker.unauthorized);
    EXPECT_FALSE(breaker.allows(start + 2 * minute - second));
    EXPECT_TRUE(breaker.allows(start + 2 * minute));
    breaker.succeeded(1);
    EXPECT_TRUE(breaker.allows(start + 2 * minute));
    EXPECT_FALSE(breaker.unauthorized);
}

TEST(RoomLimit, LetsAllThroughUntilItIsReached)
{
    RoomLimit rooms{};
    EXPECT_TRUE(rooms.allows(start));
    EXPECT_TRUE(rooms.allows(start));
    EXPECT_EQ(rooms.next(start), start);
}

TEST(RoomLimit, ReachedItLetsOneASecondThrough)
{
    RoomLimit rooms{};
    rooms.refused(start);
    EXPECT_FALSE(rooms.allows(start));
    EXPECT_EQ(rooms.next(start), start + second);
    EXPECT_TRUE(rooms.allows(start + second));
    EXPECT_FALSE(rooms.allows(start + second));
    rooms.refused(start + second + millisecond);  // what it had let through before
    EXPECT_FALSE(rooms.allows(start + 2 * second - 1));
    EXPECT_TRUE(rooms.allows(start + 2 * second));
}

TEST(RoomLimit, OneThatIsMadeOrEndsLiftsIt)
{
    RoomLimit rooms{};
    rooms.refused(start);
    rooms.lifted();
    EXPECT_TRUE(rooms.allows(start));
    EXPECT_TRUE(rooms.allows(start));
}

TEST(RoomLimit, SurvivesAClockThatIsSetBack)
{
    RoomLimit rooms{};
    rooms.refused(start);
    EXPECT_TRUE(rooms.allows(start - 2 * hour));
}

}  // namespace
}  // namespace videoroom::core
