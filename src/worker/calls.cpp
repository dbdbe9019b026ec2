#include "worker/calls.hpp"

#include <algorithm>
#include <utility>

#include "core/url.hpp"
#include "pg/credentials.hpp"
#include "pg/settings.hpp"
#include "pg/stats.hpp"

namespace videoroom::worker {
namespace {

constexpr int most_connections = 500;  // what videoroom.max_requests allows
constexpr int enough_to_share = 8;     // below that many calls at once no class keeps a place
constexpr int turns_for_rows = 4;      // at the quota of reads
constexpr int turns_in_background = 1;

namespace stats = pg::stats;

void count(const Answered &answered)
{
    if (answered.answer.transport != core::Transport::not_sent)
        stats::time_call(answered.answer.took);
    if (answered.verdict < core::Verdict::later) {
        stats::count(&stats::Calls::ok);
        stats::set(&stats::Calls::last_success_at, static_cast<std::uint64_t>(GetCurrentTimestamp()));
    } else {
        bool limited = answered.verdict == core::Verdict::limited;
        stats::count(limited ? &stats::Calls::limited : &stats::Calls::failed);
    }
}

Quota quota_of(const Call &read)
{
    return read.outbox_id ? Quota::reads : Quota::background;
}

}  // namespace

Calls::Calls(Gate &gate)
    : gate_(gate),
      client_(most_connections, "videoroom/" VIDEOROOM_VERSION),
      turns_({turns_for_rows, turns_in_background})
{
}

int Calls::room_for(Work work) const
{
    const int most = pg::settings::max_requests;
    const int own = in_class_[static_cast<std::size_t>(work)];
    int left = most - static_cast<int>(in_flight_.size());
    if (most >= enough_to_share)
        left -= static_cast<int>(std::count(in_class_.begin(), in_class_.end(), 0)) - (own == 0);
    if (work == Work::background)
        left = std::min(left, std::max(1, most / 4) - own);
    return std::max(0, left);
}

void Calls::send(Call call)
{
    const core::Credentials &credentials = pg::credentials();
    http::Request request;
    request.tag = ++last_tag_;
    request.method = call.request.method;
    request.url = core::check_api_url(pg::settings::api_url) + call.request.path;
    request.user = credentials.api_key_sid;
    request.password = credentials.api_key_secret;
    request.body = call.request.body;
    request.timeout_ms = pg::settings::request_timeout;
    if (!call.request.write)
        call.sent_at = GetCurrentTimestamp();
    client_.start(std::move(request));
    in_class_[static_cast<std::size_t>(call.work)]++;
    in_flight_.emplace(last_tag_, std::move(call));
    stats::count(&stats::Calls::sent);
    stats::set(&stats::Calls::in_flight, in_flight_.size());
}

void Calls::queue(Call call)
{
    (call.outbox_id ? for_rows_ : background_).push_back(std::move(call));
}

void Calls::queue(std::vector<Call> calls)
{
    for (Call &call : calls)
        queue(std::move(call));
}

void Calls::send_queued()
{
    std::array<bool, 2> wants = {!for_rows_.empty(), !background_.empty()};
    while (auto turn = turns_.next(wants)) {
        std::deque<Call> &reads = *turn == 0 ? for_rows_ : background_;
        wants[*turn] = room_for(reads.front().work) > 0 && gate_.admit(1, quota_of(reads.front())) == 1;
        if (!wants[*turn])
            continue;
        Call call = std::move(reads.front());
        reads.pop_front();
        send(std::move(call));
        wants[*turn] = !reads.empty();
    }
}

TimestampTz Calls::next_queued() const
{
    TimestampTz next = DT_NOEND;
    for (const auto *reads : {&for_rows_, &background_})
        if (!reads->empty() && room_for(reads->front().work) > 0)
            next = std::min(next, gate_.next(quota_of(reads->front())));
    return next;
}

std::vector<Answered> Calls::serve()
{
    std::vector<Answered> answers;
    client_.service();
    for (http::Answer &answer : client_.take_answers()) {
        auto found = in_flight_.find(answer.tag);
        Call call = std::move(found->second);
        in_flight_.erase(found);
        in_class_[static_cast<std::size_t>(call.work)]--;
        answers.push_back(judge(std::move(call), std::move(answer)));
        count(answers.back());
    }
    if (!answers.empty())
        stats::set(&stats::Calls::in_flight, in_flight_.size());
    return answers;
}

void Calls::add_busy_rooms(std::vector<std::string> &rooms) const
{
    for (const auto &[tag, call] : in_flight_)
        if (call.outbox_id)
            rooms.push_back(call.room_id);
    for (const Call &call : for_rows_)
        rooms.push_back(call.room_id);
}

}  // namespace videoroom::worker
