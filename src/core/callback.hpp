#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/form.hpp"

namespace videoroom::core {

// What a status callback says, and whether it may be applied.
struct DecodedCallback {
    std::map<std::string, std::string, std::less<>> payload;  // all parameters; events spelt with '-'
    std::string room_id;                                      // RoomName where it is a room_id, else empty
    // Why it is not to be applied; both empty when it is. The first: it is not ours, or tells what nobody
    // uses. The second: it would be, if it could be read.
    std::string ignored;
    std::string not_understood;
    // Where ParticipantIdentity may have been cut from what stood behind it, what does now. Then the identity
    // is to be believed only if the room knows it, and nobody there has a name that goes on like that.
    std::optional<std::string> behind;
};

// Call it with a form whose signature has been verified. Twilio signs names and values without a mark between
// them, so one who has seen a callback can move bytes from one to the other and it still verifies (Webhooks
// security). And Twilio adds parameters at any time. Hence: what is used must match its pattern, and in what
// was signed there must be no other place where it could have stood; whatever else there is, is let through.
DecodedCallback decode_callback(const Form &form, std::string_view account_sid);

}  // namespace videoroom::core
