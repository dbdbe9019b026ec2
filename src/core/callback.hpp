#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/form.hpp"

namespace videoroom::core {

// What a status callback says, and whether it may be applied.
struct DecodedCallback {
    std::map<std::string, std::string, std::less<>> payload;  // all parameters; events spelt with '-'
    std::string room_id;                                      // RoomName where it is a room_id, else empty
    std::string ignored;                                      // why it is not to be applied; empty when it is
};

// Call it with a form whose signature has been verified. Twilio signs names and values without a mark between
// them, so one who has seen a callback can move bytes from one to the other and it still verifies (Webhooks
// security). Hence: each parameter that Twilio documents must match its pattern and be there once, each event
// must have its set, no name may be found anywhere else in what was signed, and the account must be ours; or
// the callback is ignored. Other parameters are let through, since Twilio adds some at any time.
DecodedCallback decode_callback(const Form &form, std::string_view account_sid);

}  // namespace videoroom::core
