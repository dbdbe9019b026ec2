// The Twilio account that calls are made with, and where Twilio is to call back.
#pragma once

#include <string>

#include "pg/shared_state.hpp"
#include "worker/gate.hpp"

namespace videoroom::worker {

class Account {
public:
    // Both outlive it.
    Account(Gate &gate, pg::shared::Database *database);

    // Reads settings and credentials again, and tells the gate, and in the database's entry whoever asks,
    // which account it is. What is wrong with the credentials is logged when it begins, and once at the
    // start.
    void reload();

    // Are there credentials? Without them no call is made.
    bool usable() const { return usable_; }

    // Why no calls are made with it, if none are.
    pg::shared::Pause pause() const;

    // The StatusCallback of a create: videoroom.callback_url for this database, with the retry policy that
    // Twilio is asked for; empty if there is none.
    const std::string &callback_url();

private:
    Gate &gate_;
    pg::shared::Database *database_;
    std::string callback_url_;
    int generation_ = -1;  // of the credentials that were read last; 0: they could not be
    bool usable_ = false;
};

}  // namespace videoroom::worker
