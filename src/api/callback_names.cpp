// callback_names(body, user_id): whether a kept callback is about a person. Its form alone is read: to forget
// somebody takes no credentials.
#include <algorithm>
#include <string>

#include "api/arguments.hpp"
#include "core/form.hpp"

namespace videoroom::api {

VIDEOROOM_FUNCTION(videoroom_callback_names)
{
    Arguments arguments(fcinfo);
    core::Form form = core::decode_form(arguments.text(0, "body"));
    std::pair<std::string, std::string> wanted("ParticipantIdentity", arguments.text(1, "user_id"));
    return BoolGetDatum(std::find(form.begin(), form.end(), wanted) != form.end());
}

}  // namespace videoroom::api
