// What comes back from Twilio: the gate hears of it first.
#pragma once

#include <utility>

#include "worker/answers.hpp"
#include "worker/calls.hpp"
#include "worker/gate.hpp"

namespace videoroom::worker {

class Intake {
public:
    // All of them outlive it.
    Intake(Gate &gate, Calls &calls, Answers &answers) : gate_(gate), calls_(calls), answers_(answers) {}

    // Takes in the answers that have come, for the gate to judge by and to be recorded; false if there were
    // none.
    bool serve();

    // Looks whether the gate has opened or closed, which it does with an answer, but also with the clock, new
    // credentials and other databases' answers. Either is said once in the log.
    void watch_gate(const Answered *answered = nullptr);

    bool gate_closed() const { return closed_; }
    // Since it was last asked.
    bool gate_has_turned() { return std::exchange(turned_, false); }
    // Since that was last forgotten.
    bool gate_has_opened() const { return opened_; }
    void forget_opening() { opened_ = false; }

private:
    void watch_background(const Answered &answered);

    Gate &gate_;
    Calls &calls_;
    Answers &answers_;
    bool closed_ = false;  // as it was when we looked last
    bool turned_ = false;
    bool opened_ = false;
    TimestampTz background_failed_at_ = DT_NOBEGIN;  // last
};

}  // namespace videoroom::worker
