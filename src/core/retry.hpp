#pragma once

#include <optional>
#include <string_view>

#include "core/time.hpp"

namespace videoroom::core {

enum class Action { create_room, complete_room, remove_participant, anonymize_participant, fetch_room, list };

// How far a request got: an answer came; nothing of it can have left this machine; it may have arrived.
enum class Transport { answered, not_sent, lost };

struct Outcome {
    Transport transport = Transport::answered;
    long status = 0;  // HTTP
    int code = 0;     // Twilio's, 0 if none
};

// The first four say that Twilio knows us and that nothing is wrong.
enum class Verdict {
    done,
    room_exists,   // create: fetch it by name and adopt it
    already_so,    // complete, remove, anonymize: there is nothing left to end or to forget
    missing,       // fetch, list: there is no such room
    later,         // this row again, after its backoff; says nothing about the account
    full,          // create: the account has no room for another room
    denied,        // this row again, after its backoff; of the account only if another room's call is too
    account,       // says nothing about the row; counts against the account
    limited,       // too many requests: never carried out, pause the account
    unauthorized,  // the account or its credentials are refused: wait until they are not
    permanent,     // will never succeed
};

// What an outcome means for the action: Twilio's code decides, where there is one that we know, else the HTTP
// status. Twilio: the status that comes with a 53xxx code is not published (Error dictionary). Only a code of
// Twilio's is ever permanent; a bare 4xx may be a gateway's.
Verdict judge(Action action, const Outcome &outcome);

// Is a refusal's code, or HTTP status where it has none, about the credentials rather than the account?
bool is_about_credentials(int code);

// Can Twilio have carried it out, though no usable success came back? A success with a body we cannot read
// counts; a refusal does not.
bool may_have_arrived(const Outcome &outcome);

// How long to wait after the given number of failed attempts (1 and up): full jitter, from 1 s, doubling.
Time backoff(int attempts, Time cap, double random01);

}  // namespace videoroom::core
