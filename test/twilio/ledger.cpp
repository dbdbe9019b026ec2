#include "ledger.hpp"

#include <algorithm>

namespace sim {

namespace {

constexpr std::size_t violations_kept = 1000;

// {"Name": "value"}, and a list of values where a name was repeated
Json form_json(const Form &form)
{
    Json object = Json::object();
    for (const auto &[name, value] : form) {
        if (object.get(name).is_array())
            object.get(name).append(value);
        else if (object.has(name))
            object.set(name, Json::array().append(object.get(name)).append(value));
        else
            object.set(name, value);
    }
    return object;
}

}  // namespace

std::int64_t Ledger::begin()
{
    std::lock_guard lock(mutex_);
    return ++begun_;
}

void Ledger::add(std::int64_t number, const Seen &seen, std::int64_t keep)
{
    std::lock_guard lock(mutex_);
    ++(seen.status == 0 ? unanswered_ : answered_);
    ++(seen.method == "GET" ? reads_ : writes_);
    if (seen.code == 20429)
        ++limited_;
    for (const std::string &message : seen.violations) {
        ++violation_count_;
        if (violations_.size() < violations_kept)
            violations_.push_back(Json::object()
                                      .set("request", number)
                                      .set("at", format_milliseconds(seen.at))
                                      .set("method", seen.method)
                                      .set("path", seen.path)
                                      .set("message", message));
    }
    entries_.push_back({number, seen});
    while (static_cast<std::int64_t>(entries_.size()) > keep)
        entries_.pop_front();
}

Json Ledger::json(const Entry &entry)
{
    const Seen &seen = entry.seen;
    Json violations = Json::array();
    for (const std::string &message : seen.violations)
        violations.append(message);
    return Json::object()
        .set("request", entry.number)
        .set("at", format_milliseconds(seen.at))
        .set("took_us", seen.took)
        .set("method", seen.method)
        .set("path", seen.path)
        .set("query", seen.query)
        .set("params", form_json(seen.form))
        .set("auth", seen.auth)
        .set("user_agent", seen.user_agent)
        .set("room_sid", seen.room_sid)
        .set("room_name", seen.room_name)
        .set("status", seen.status)
        .set("code", seen.code)
        .set("outcome", seen.outcome)
        .set("fault", seen.fault)
        .set("violations", violations);
}

Json Ledger::requests(const SeenFilter &filter) const
{
    std::vector<Entry> wanted;
    {
        std::lock_guard lock(mutex_);
        for (const Entry &entry : entries_)
            if (entry.number > filter.since &&
                (filter.method.empty() || entry.seen.method == filter.method) &&
                (filter.room.empty() || entry.seen.room_sid == filter.room ||
                 entry.seen.room_name == filter.room) &&
                entry.seen.path.find(filter.path) != std::string::npos)
                wanted.push_back(entry);
    }
    std::sort(wanted.begin(), wanted.end(),
              [](const Entry &a, const Entry &b) { return a.number < b.number; });
    Json list = Json::array();
    for (const Entry &entry : wanted)
        list.append(json(entry));
    return list;
}

Json Ledger::violations() const
{
    std::lock_guard lock(mutex_);
    Json list = Json::array();
    for (const Json &violation : violations_)
        list.append(violation);
    return list;
}

Json Ledger::counts() const
{
    std::lock_guard lock(mutex_);
    return Json::object()
        .set("requests", begun_)
        .set("answered", answered_)
        .set("unanswered", unanswered_)
        .set("under_way", begun_ - answered_ - unanswered_)
        .set("reads", reads_)
        .set("writes", writes_)
        .set("rate_limited", limited_)
        .set("violations", violation_count_);
}

void Ledger::reset()
{
    std::lock_guard lock(mutex_);
    entries_.clear();
    violations_.clear();
    begun_ = answered_ = limited_ = unanswered_ = reads_ = writes_ = violation_count_ = 0;
}

}  // namespace sim
