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

}  // namespace

Calls::Calls(Gate &gate) : gate_(gate), client_(most_connections, "videoroom/" VIDEOROOM_VERSION) {}

int Calls::capacity() const
{
    return std::max(0, pg::settings::max_requests - static_cast<int>(in_flight_.size()));
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
    in_flight_.emplace(last_tag_, std::move(call));
    stats::count(&stats::Calls::sent);
    stats::set(&stats::Calls::in_flight, in_flight_.size());
}

void Calls::queue(Call call)
{
    if (call.outbox_id)
        queue_.push_front(std::move(call));
    else
        queue_.push_back(std::move(call));
}

void Calls::send_queued()
{
    int granted = gate_.admit(std::min(capacity(), static_cast<int>(queue_.size())), false);
    for (int i = 0; i < granted; i++) {
        Call call = std::move(queue_.front());
        queue_.pop_front();
        send(std::move(call));
    }
}

std::vector<Answered> Calls::serve()
{
    std::vector<Answered> answers;
    client_.service();
    for (http::Answer &answer : client_.take_answers()) {
        auto found = in_flight_.find(answer.tag);
        Call call = std::move(found->second);
        in_flight_.erase(found);
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
    for (const Call &call : queue_)
        if (call.outbox_id)
            rooms.push_back(call.room_id);
}

}  // namespace videoroom::worker
