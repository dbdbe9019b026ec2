// What became of a callback whose signature was good, for videoroom_stats().
#include "api/arguments.hpp"
#include "core/time.hpp"
#include "pg/stats.hpp"

namespace videoroom::api {

// count_callback(outcome, sent_at, received_at): outcome NULL could not be applied; the times are NULL where
// they say nothing. Gives whether counters are kept.
VIDEOROOM_FUNCTION(videoroom_count_callback)
{
    namespace stats = pg::stats;

    Arguments arguments(fcinfo);
    std::string outcome = arguments.optional_text(0).value_or("failed");
    if (outcome == "failed")
        stats::count(&stats::Callbacks::failed);
    else if (outcome == "ignored")
        stats::count(&stats::Callbacks::ignored);
    else if (outcome == "not-understood")
        stats::count(&stats::Callbacks::not_understood);
    else
        stats::count(&stats::Callbacks::ok);

    auto sent_at = core::parse_iso8601(arguments.optional_text(1).value_or(""));
    if (sent_at && arguments.given(2))
        stats::time_callback(pg::to_core(arguments.time(2, "received_at")) - *sent_at);
    return BoolGetDatum(stats::own() != nullptr);
}

}  // namespace videoroom::api
