// /sim/: what a test does to the simulator and asks of it, in JSON.
#pragma once

#include "twilio.hpp"

namespace sim {

class Control {
public:
    explicit Control(Twilio &twilio) : twilio_(twilio) {}

    /// path begins with /sim/. What Twilio would refuse is answered in Twilio's form, a malformed command
    /// 400.
    Reply handle(const std::string &method, const std::string &path, const Form &query,
                 const std::string &body);

private:
    Json route(const std::string &command, const Form &query, const Json &given);
    Json clock(const Json &given);
    Json connect(const Json &given);
    Json disconnect(const Json &given);
    Json track(const Json &given);
    Json rooms(const Form &query);
    Json requests(const Form &query);
    Json ledger(const Form &query);
    Json counts();
    Json release(const Json &given);
    Json resend(const Json &given);
    Json drain(const Json &given);
    Json change_settings(const Json &given);
    Json reset();

    Twilio &twilio_;
};

}  // namespace sim
