// Classes of work. What one waits for must not hold up the others: each has its own share of Twilio's quota,
// of the calls in flight, and of failures.
#pragma once

#include <array>

namespace videoroom::worker {

// Of a row of the outbox it is its priority.
enum class Work {
    asked,       // somebody has asked for it: a room ended, a person put out
    awaited,     // somebody waits for the room
    ahead,       // rooms made before anybody comes
    upkeep,      // calls that ran out of time, people to be forgotten
    background,  // reads that no row stands behind
};

constexpr int row_classes = 4;
constexpr int work_classes = 5;

// How often each gets a turn at the quota of writes while all have something to send: those that somebody
// waits for come first, but never alone.
constexpr std::array<int, row_classes> turns_of_rows = {4, 8, 2, 1};

// Likewise at the quota of reads.
constexpr std::array<int, work_classes> turns_of_reads = {4, 8, 2, 1, 4};

// So many of each class's calls.
using PerClass = std::array<int, row_classes>;

}  // namespace videoroom::worker
