#include "worker/intake.hpp"

#include "pg/guard.hpp"

namespace videoroom::worker {
namespace {

// Reads that fail now and then are one trouble until they have not failed for so long.
constexpr TimestampTz end_of_trouble = 10 * USECS_PER_MINUTE;

}  // namespace

bool Intake::serve()
{
    std::vector<Answered> came = calls_.serve();
    for (Answered &answered : came) {
        gate_.report(answered);
        watch_gate(&answered);
        watch_background(answered);
        answers_.add(std::move(answered));
    }
    return !came.empty();
}

void Intake::watch_gate(const Answered *answered)
{
    bool closed = gate_.closed();
    if (closed == closed_)
        return;
    closed_ = closed;
    turned_ = true;
    opened_ = opened_ || !closed;
    std::string why = answered ? describe(*answered) : "";
    pg::call([&] {
        if (closed)
            ereport(LOG, errmsg("videoroom holds back its calls to Twilio"),
                    why.empty() ? 0 : errdetail("%s", why.c_str()));
        else
            ereport(LOG, errmsg("videoroom calls Twilio again"));
    });
}

void Intake::watch_background(const Answered &answered)
{
    if (answered.call.work != Work::background || answered.verdict != core::Verdict::account ||
        !gate_.background_closed())
        return;
    TimestampTz before = std::exchange(background_failed_at_, GetCurrentTimestamp());
    if (closed_ || !core::has_come(before + end_of_trouble, background_failed_at_, end_of_trouble))
        return;
    std::string why = describe(answered);
    pg::call([&] {
        ereport(LOG, errmsg("videoroom cannot read from Twilio what callbacks may have missed"),
                errdetail("%s", why.c_str()), errhint("Rooms are made and ended all the same."));
    });
}

}  // namespace videoroom::worker
