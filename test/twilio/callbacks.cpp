#include "callbacks.hpp"

#include <algorithm>

namespace sim {

namespace {

constexpr int workers = 64;  // a receiver that hangs holds one for up to 15 s

bool listed(const std::string &comma_list, const std::string &word)
{
    return ("," + comma_list + ",").find("," + word + ",") != std::string::npos;
}

}  // namespace

Callbacks::Callbacks(const SettingsStore &settings, Random &random) : settings_(settings), random_(random)
{
    for (int i = 0; i < workers; ++i)
        workers_.emplace_back([this] { run(); });
}

Callbacks::~Callbacks()
{
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_all();
    for (std::thread &worker : workers_)
        worker.join();
}

Callbacks::Delivery &Callbacks::append(const Notice &notice)
{
    std::int64_t keep = settings_.get()->ledger_limit;
    for (auto oldest = deliveries_.begin();
         static_cast<std::int64_t>(deliveries_.size()) >= keep && oldest != deliveries_.end();) {
        bool over = oldest->second.state >= State::delivered;
        oldest = over ? deliveries_.erase(oldest) : std::next(oldest);
    }
    Delivery &delivery = deliveries_[next_id_];
    delivery.id = next_id_++;
    delivery.notice = notice;
    delivery.idempotency_token = random_.uuid();
    return delivery;
}

void Callbacks::enqueue(Delivery &delivery, const std::string &lane, Time due)
{
    delivery.state = State::waiting;
    delivery.lane = lane;
    delivery.due = due;
    ++under_way_;
    if (!lane.empty()) {
        auto &queue = lanes_[lane];
        queue.push_back(delivery.id);
        if (queue.size() > 1)
            return;
    }
    ready_.emplace(due, delivery.id);
    work_.notify_one();
}

void Callbacks::add(const Notice &notice)
{
    auto settings = settings_.get();
    std::lock_guard lock(mutex_);
    Delivery &delivery = append(notice);
    if (listed(settings->callback_drop_events, notice.event) ||
        random_.percent(settings->callback_drop_percent)) {
        delivery.state = State::dropped;
        return;
    }
    if (settings->callback_order == "held") {
        delivery.state = State::held;
        return;
    }
    bool shuffled = settings->callback_order == "shuffled";
    auto due = [&] {
        std::uint64_t dice =
            shuffled ? random_.below(static_cast<std::uint64_t>(settings->callback_shuffle_ms) + 1) : 0;
        return real_now() + (settings->callback_delay_ms + static_cast<std::int64_t>(dice)) * millisecond;
    };
    std::string lane = shuffled ? "" : notice.room_sid;
    std::int64_t original = delivery.id;
    enqueue(delivery, lane, due());
    if (random_.percent(settings->callback_duplicate_percent)) {
        Delivery &copy = append(notice);
        copy.copy_of = original;
        copy.idempotency_token = delivery.idempotency_token;
        enqueue(copy, lane, due());
    }
}

std::size_t Callbacks::release(std::vector<std::int64_t> ids, bool shuffled)
{
    std::lock_guard lock(mutex_);
    if (ids.empty())
        for (const auto &[id, delivery] : deliveries_)
            ids.push_back(id);
    std::erase_if(ids, [&](std::int64_t id) {
        auto found = deliveries_.find(id);
        return found == deliveries_.end() || found->second.state != State::held;
    });
    if (shuffled)
        for (std::size_t i = ids.size(); i > 1; --i)
            std::swap(ids[i - 1], ids[random_.below(i)]);
    std::string lane = "release " + std::to_string(++lanes_made_);
    for (std::int64_t id : ids)
        enqueue(deliveries_[id], lane, real_now());
    return ids.size();
}

bool Callbacks::resend(std::int64_t id)
{
    std::lock_guard lock(mutex_);
    auto original = deliveries_.find(id);
    if (original == deliveries_.end())
        return false;
    Notice notice = original->second.notice;
    std::string token = original->second.idempotency_token;
    Delivery &copy = append(notice);
    copy.copy_of = id;
    copy.idempotency_token = token;
    enqueue(copy, "", real_now());
    return true;
}

bool Callbacks::drain(Time longest)
{
    std::unique_lock lock(mutex_);
    return idle_.wait_for(lock, std::chrono::microseconds(longest), [&] { return under_way_ == 0; });
}

void Callbacks::run()
{
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (ready_.empty()) {
            work_.wait(lock);
            continue;
        }
        const Time due = ready_.begin()->first;
        const std::int64_t id = ready_.begin()->second;
        if (Time wait = due - real_now(); wait > 0) {
            work_.wait_for(lock, std::chrono::microseconds(wait));
            continue;
        }
        ready_.erase(ready_.begin());
        if (!ready_.empty())
            work_.notify_one();  // somebody else must watch for the next
        Delivery &delivery = deliveries_[id];
        delivery.state = State::sending;
        Notice notice = delivery.notice;
        std::string token = delivery.idempotency_token, lane = delivery.lane;
        std::int64_t epoch = epoch_;
        lock.unlock();
        auto attempted = [&](const Attempt &attempt) {
            std::lock_guard recording(mutex_);
            if (epoch == epoch_)
                deliveries_[id].attempts.push_back(attempt);
        };
        bool delivered = deliver(notice, *settings_.get(), token, attempted);
        lock.lock();
        if (epoch != epoch_)
            continue;  // reset() has forgotten it
        deliveries_[id].state = delivered ? State::delivered : State::failed;
        --under_way_;
        if (!lane.empty()) {
            auto &queue = lanes_[lane];
            queue.pop_front();
            if (queue.empty())
                lanes_.erase(lane);
            else
                ready_.emplace(deliveries_[queue.front()].due, queue.front());
            work_.notify_one();
        }
        idle_.notify_all();
    }
}

std::string_view Callbacks::name_of(State state)
{
    constexpr std::string_view names[] = {"held", "waiting", "sending", "delivered", "failed", "dropped"};
    return names[static_cast<std::size_t>(state)];
}

Json Callbacks::json(const Delivery &delivery)
{
    Json params = Json::object(), attempts = Json::array();
    for (const auto &[name, value] : delivery.notice.params)
        params.set(name, value);
    for (const Attempt &attempt : delivery.attempts)
        attempts.append(Json::object()
                            .set("at", format_milliseconds(attempt.at))
                            .set("status", attempt.status)
                            .set("error", attempt.error)
                            .set("signed_url", attempt.url)
                            .set("signature", attempt.signature));
    return Json::object()
        .set("id", delivery.id)
        .set("copy_of", delivery.copy_of == 0 ? Json() : Json(delivery.copy_of))
        .set("event", delivery.notice.event)
        .set("room_sid", delivery.notice.room_sid)
        .set("room_name", delivery.notice.room_name)
        .set("url", delivery.notice.url)
        .set("method", delivery.notice.method)
        .set("params", params)
        .set("body", encode_form(delivery.notice.params))
        .set("state", name_of(delivery.state))
        .set("attempts", attempts);
}

Json Callbacks::json(std::int64_t since, const std::string &room) const
{
    std::lock_guard lock(mutex_);
    Json list = Json::array();
    for (auto at = deliveries_.upper_bound(since); at != deliveries_.end(); ++at)
        if (room.empty() || at->second.notice.room_sid == room || at->second.notice.room_name == room)
            list.append(json(at->second));
    return list;
}

Json Callbacks::counts() const
{
    std::lock_guard lock(mutex_);
    std::map<State, std::int64_t> by_state;
    for (const auto &[id, delivery] : deliveries_)
        ++by_state[delivery.state];
    Json object = Json::object();
    for (State state :
         {State::held, State::waiting, State::sending, State::delivered, State::failed, State::dropped})
        object.set(std::string(name_of(state)), by_state[state]);
    return object;
}

void Callbacks::reset()
{
    std::lock_guard lock(mutex_);
    ++epoch_;
    deliveries_.clear();
    lanes_.clear();
    ready_.clear();
    under_way_ = 0;
    idle_.notify_all();
}

}  // namespace sim
