// What is due leaves for Twilio, each class of work in its turn.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/turns.hpp"
#include "worker/account.hpp"
#include "worker/intake.hpp"
#include "worker/outbox.hpp"
#include "worker/patience.hpp"

namespace videoroom::worker {

class Dispatcher {
public:
    // All of them outlive it.
    Dispatcher(pg::shared::Database *database, Gate &gate, Account &account, Calls &calls, Answers &answers,
               Intake &intake, Patience &patience);

    // Claims and sends what is due: a few at a time, the first of them are on the wire while the next are
    // being claimed, until there are as many answers to be recorded. Gives when to come again at the latest:
    // DT_NOEND if only an answer or other settings can let more leave.
    TimestampTz send_due();

    // Asks when the next row is due, for whoever looks at what waits.
    void show_next_due();

    // Did something due find no place among the calls under way? Then an answer makes one.
    bool crowded() const { return crowded_; }

    // The gate has opened or closed.
    void gate_turned() { probed_.clear(); }

private:
    using Due = std::array<TimestampTz, row_classes>;
    using Classes = std::array<bool, row_classes>;

    std::vector<std::string> busy_rooms() const;
    Due ask();
    Classes able(const Due &due) const;
    PerClass share(const Classes &able, int granted);
    bool send_some(const PerClass &most, int granted);
    int send(Claimed &claimed);
    Claimed claim(const PerClass &most);
    Claimed claim_some(const PerClass &most, const std::vector<std::string> &left_out);

    pg::shared::Database *database_;
    Gate &gate_;
    Account &account_;
    Calls &calls_;
    Answers &answers_;
    Intake &intake_;
    Patience &patience_;
    core::Turns<row_classes> turns_{turns_of_rows};
    std::vector<std::string> probed_;  // rooms whose calls were probes since the gate closed
    ScanPosition ahead_;
    TimestampTz asked_at_ = 0;  // when the outbox was last asked what is due
    bool crowded_ = false;
};

}  // namespace videoroom::worker
