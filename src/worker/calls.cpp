#include "worker/calls.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/url.hpp"
#include "pg/credentials.hpp"
#include "pg/settings.hpp"
#include "pg/stats.hpp"

namespace videoroom::worker {
namespace {

constexpr int most_connections = 500;  // what videoroom.max_requests allows
constexpr int enough_to_share = 8;     // below that many calls at once no class keeps a place

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

Quota quota_of(Work work)
{
    return work == Work::background ? Quota::background : Quota::reads;
}

// Date tells whole seconds, and was written between the request and its answer.
void compare_clocks(const http::Answer &answer)
{
    if (!answer.date)
        return;
    core::Time now = pg::to_core(GetCurrentTimestamp());
    core::Time latest = *answer.date + core::second;
    core::Time ahead =
        std::max<core::Time>(0, now - answer.took - latest) + std::min<core::Time>(0, now - *answer.date);
    stats::set(&stats::Calls::clock_ahead, static_cast<std::uint64_t>(ahead));
}

}  // namespace

Calls::Calls(Gate &gate) : gate_(gate), client_(most_connections, "videoroom/" VIDEOROOM_VERSION) {}

int Calls::room() const
{
    return std::max(0, pg::settings::max_requests - static_cast<int>(in_flight_.size()));
}

int Calls::room_for(Work work, const PerClass &others) const
{
    const int most = pg::settings::max_requests;
    std::array<int, work_classes> taken = in_class_;
    for (std::size_t i = 0; i < others.size(); i++)
        taken[i] += others[i];
    const int own = taken[static_cast<std::size_t>(work)];
    int left = most - std::accumulate(taken.begin(), taken.end(), 0);
    if (most >= enough_to_share)
        left -= static_cast<int>(std::count(taken.begin(), taken.end(), 0)) - (own == 0);
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
    request.route = {pg::settings::proxy, credentials.proxy_user, credentials.proxy_password,
                     pg::settings::ca_file};
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
    queues_[static_cast<std::size_t>(call.work)].push_back(std::move(call));
}

void Calls::queue(std::vector<Call> calls)
{
    for (Call &call : calls)
        queue(std::move(call));
}

bool Calls::nothing_queued() const
{
    return std::all_of(queues_.begin(), queues_.end(), [](const auto &reads) { return reads.empty(); });
}

void Calls::forget_background()
{
    queues_[static_cast<std::size_t>(Work::background)].clear();
}

// When the first read of a class may leave; DT_NOEND if only an answer can make room for it.
TimestampTz Calls::next_of(std::size_t work) const
{
    if (queues_[work].empty() || room_for(Work(work)) == 0)
        return DT_NOEND;
    return gate_.next(quota_of(Work(work)));
}

void Calls::send_queued()
{
    for (;;) {
        std::array<bool, work_classes> wants;
        for (std::size_t work = 0; work < wants.size(); work++) {
            TimestampTz next = next_of(work);
            wants[work] = next <= GetCurrentTimestamp();  // not before: a gate that is open says now
        }
        auto turn = turns_.next(wants);
        if (!turn || gate_.admit(1, quota_of(Work(*turn))) == 0)
            return;
        Call call = std::move(queues_[*turn].front());
        queues_[*turn].pop_front();
        send(std::move(call));
    }
}

TimestampTz Calls::next_queued() const
{
    TimestampTz next = DT_NOEND;
    for (std::size_t work = 0; work < queues_.size(); work++)
        next = std::min(next, next_of(work));
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
        compare_clocks(answer);
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
    for (const std::deque<Call> &reads : queues_)
        for (const Call &call : reads)
            if (call.outbox_id)
                rooms.push_back(call.room_id);
}

}  // namespace videoroom::worker
