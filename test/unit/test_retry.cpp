#include <gtest/gtest.h>

#include "core/retry.hpp"

namespace videoroom::core {

void PrintTo(Verdict verdict, std::ostream *out)
{
    constexpr const char *names[] = {"done",    "room_exists",  "already_so", "missing",
                                     "later",   "full",         "denied",     "account",
                                     "limited", "unauthorized", "permanent"};
    *out << names[static_cast<int>(verdict)];
}

namespace {

constexpr Action all[] = {Action::create_room,           Action::complete_room, Action::remove_participant,
                          Action::anonymize_participant, Action::fetch_room,    Action::list};

Verdict answered(Action action, long status, int code = 0)
{
    return judge(action, {Transport::answered, status, code});
}

TEST(Judge, SuccessIsDone)
{
    for (Action action : all)
        for (long status : {200L, 201L, 202L, 204L})
            EXPECT_EQ(answered(action, status), Verdict::done);
}

TEST(Judge, TroubleOnTheWayCountsAgainstTheAccount)
{
    for (Action action : all) {
        EXPECT_EQ(judge(action, {Transport::not_sent, 0, 0}), Verdict::account);
        EXPECT_EQ(judge(action, {Transport::lost, 0, 0}), Verdict::account);
        for (long status : {500L, 502L, 503L, 504L, 599L, 408L, 0L})
            EXPECT_EQ(answered(action, status), Verdict::account) << status;
        EXPECT_EQ(answered(action, 503, 20503), Verdict::account);
    }
}

TEST(Judge, TooManyRequestsPauseTheAccount)
{
    for (Action action : all) {
        EXPECT_EQ(answered(action, 429), Verdict::limited);
        EXPECT_EQ(answered(action, 429, 20429), Verdict::limited);
        EXPECT_EQ(answered(action, 400, 20429), Verdict::limited);
    }
}

TEST(Judge, RefusedCredentialsWaitForOthers)
{
    for (Action action : all) {
        EXPECT_EQ(answered(action, 401), Verdict::unauthorized);
        EXPECT_EQ(answered(action, 401, 20003), Verdict::unauthorized);
        EXPECT_EQ(answered(action, 403, 20003), Verdict::unauthorized);
        EXPECT_EQ(answered(action, 403, 20151), Verdict::unauthorized);
    }
    EXPECT_TRUE(is_about_credentials(20003));
    EXPECT_TRUE(is_about_credentials(401));
    EXPECT_FALSE(is_about_credentials(20005));
    EXPECT_FALSE(is_about_credentials(402));
}

TEST(Judge, RefusedAccountWaitsWhateverTheStatus)
{
    for (Action action : all) {
        for (int code : {10001, 20005, 20008, 20010})
            for (long status : {400L, 401L, 403L, 404L, 429L, 503L})
                EXPECT_EQ(answered(action, status, code), Verdict::unauthorized) << status << ' ' << code;
        EXPECT_EQ(answered(action, 402), Verdict::unauthorized);
        EXPECT_EQ(answered(action, 402, 54321), Verdict::unauthorized);
    }
}

TEST(Judge, DenialMayBeAboutOneRoomAlone)
{
    for (Action action : all)
        for (int code : {20006, 20403, 70051})
            for (long status : {400L, 401L, 403L, 404L, 503L})
                EXPECT_EQ(answered(action, status, code), Verdict::denied) << status << ' ' << code;
}

TEST(Judge, RoomThatExistsIsAdoptedWhateverTheStatus)
{
    for (long status : {400L, 409L, 500L})
        EXPECT_EQ(answered(Action::create_room, status, 53113), Verdict::room_exists);
}

TEST(Judge, NothingLeftToEndIsSuccess)
{
    for (Action action : {Action::complete_room, Action::remove_participant, Action::anonymize_participant}) {
        for (int code : {53112, 53118, 53106, 20404, 53204})
            EXPECT_EQ(answered(action, 400, code), Verdict::already_so) << code;
        EXPECT_EQ(answered(action, 404), Verdict::already_so);
    }
}

TEST(Judge, RoomNotFoundIsMissing)
{
    EXPECT_EQ(answered(Action::fetch_room, 404), Verdict::missing);
    EXPECT_EQ(answered(Action::fetch_room, 404, 20404), Verdict::missing);
    EXPECT_EQ(answered(Action::fetch_room, 400, 53106), Verdict::missing);
    EXPECT_EQ(answered(Action::list, 404, 20404), Verdict::missing);
}

TEST(Judge, TooManyRoomsOfTheAccountIsAboutAllCreates)
{
    for (long status : {400L, 409L, 503L})
        EXPECT_EQ(answered(Action::create_room, status, 53119), Verdict::full);
    EXPECT_EQ(answered(Action::complete_room, 400, 53119), Verdict::later);
}

TEST(Judge, QuotasOfRoomsPassAndAreTriedLater)
{
    for (int code : {53116, 53103})
        for (long status : {400L, 409L, 503L})
            EXPECT_EQ(answered(Action::create_room, status, code), Verdict::later) << code;
    EXPECT_EQ(answered(Action::create_room, 409), Verdict::later);
    EXPECT_EQ(answered(Action::create_room, 409, 99999), Verdict::later);
}

TEST(Judge, OnlyACodeOfTwiliosIsPermanent)
{
    for (int code : {53100, 53107, 53111, 53115, 20001, 20404})
        EXPECT_EQ(answered(Action::create_room, 400, code), Verdict::permanent) << code;
    for (long status : {301L, 400L, 403L, 404L, 405L, 413L})
        EXPECT_EQ(answered(Action::create_room, status), Verdict::later) << status;
}

TEST(MayHaveArrived, UnlessItNeverLeftOrWasRefused)
{
    EXPECT_TRUE(may_have_arrived({Transport::lost, 0, 0}));
    EXPECT_FALSE(may_have_arrived({Transport::not_sent, 0, 0}));
    for (long status : {200L, 201L, 302L, 408L, 500L, 503L})
        EXPECT_TRUE(may_have_arrived({Transport::answered, status, 0})) << status;
    for (long status : {400L, 401L, 404L, 409L, 429L})
        EXPECT_FALSE(may_have_arrived({Transport::answered, status, 0})) << status;
}

TEST(Backoff, DoublesUpToItsCapWithFullJitter)
{
    EXPECT_EQ(backoff(1, minute, 1.0), second);
    EXPECT_EQ(backoff(2, minute, 1.0), 2 * second);
    EXPECT_EQ(backoff(4, minute, 0.5), 4 * second);
    EXPECT_EQ(backoff(7, minute, 1.0), minute);
    EXPECT_EQ(backoff(1'000'000, 5 * minute, 1.0), 5 * minute);
    EXPECT_EQ(backoff(3, minute, 0.0), 0);
    EXPECT_EQ(backoff(0, minute, 1.0), second);
    EXPECT_EQ(backoff(-5, minute, 7.0), second);
}

}  // namespace
}  // namespace videoroom::core
