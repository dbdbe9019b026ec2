#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/turns.hpp"

namespace videoroom::core {
namespace {

constexpr std::array<int, 4> weights = {4, 8, 2, 1};
constexpr int all_weights = 15;

TEST(Turns, NobodyWantsOne)
{
    Turns<4> turns(weights);
    EXPECT_EQ(turns.next({}), std::nullopt);
}

TEST(Turns, OneThatWantsAllGetsAllWhileNobodyElseDoes)
{
    Turns<4> turns(weights);
    for (int i = 0; i < 100; i++)
        EXPECT_EQ(turns.next({false, false, false, true}), 3u);
}

TEST(Turns, TheHeaviestOfThoseThatBeginTogetherComesFirst)
{
    Turns<4> turns(weights);
    std::array<int, 4> left = {2, 1, 2, 1};
    std::vector<std::size_t> order;
    while (auto turn = turns.next({left[0] > 0, left[1] > 0, left[2] > 0, left[3] > 0})) {
        order.push_back(*turn);
        left[*turn]--;
    }
    EXPECT_EQ(order, (std::vector<std::size_t>{1, 0, 0, 2, 2, 3}));
}

TEST(Turns, EachGetsItsShareWhenAllWantAll)
{
    Turns<4> turns(weights);
    std::array<int, 4> got{};
    for (int i = 0; i < 100 * all_weights; i++)
        got[*turns.next({true, true, true, true})]++;
    for (std::size_t i = 0; i < got.size(); i++)
        EXPECT_NEAR(got[i], 100 * weights[i], 1) << i;
}

TEST(Turns, WhateverTheOthersDoWhoAlwaysWantsGetsItsShareOfAnyStretchLessOne)
{
    std::mt19937 random(19);
    for (std::size_t mine = 0; mine < weights.size(); mine++) {
        Turns<4> turns(weights);
        std::vector<int> got = {0};  // so far, after each turn
        std::array<bool, 4> wants{};
        for (int i = 0; i < 3000; i++) {
            for (std::size_t other = 0; other < wants.size(); other++)
                if (random() % 4 == 0)
                    wants[other] = random() % 2;
            wants[mine] = true;
            got.push_back(got.back() + (turns.next(wants) == mine));
        }
        for (std::size_t from = 0; from < got.size(); from += 7)
            for (std::size_t to = from; to < got.size(); to += 11) {
                int share = static_cast<int>(to - from) * weights[mine] / all_weights;
                ASSERT_GE(got[to] - got[from], share - 1)
                    << "class " << mine << ", turns " << from << " to " << to;
            }
    }
}

TEST(Turns, WhoComesBackHasSavedUpNothing)
{
    Turns<4> turns(weights);
    for (int i = 0; i < 1000; i++)
        EXPECT_EQ(turns.next({true, false, false, false}), 0u);
    int first = 0;
    for (int i = 0; i < 15; i++)
        first += turns.next({true, false, false, true}) == 0u;
    EXPECT_GE(first, 11);
}

}  // namespace
}  // namespace videoroom::core
