#include "faults.hpp"

#include <stdexcept>

namespace sim {

namespace {

[[noreturn]] void refuse(const std::string &what)
{
    throw std::invalid_argument(what);
}

std::int64_t integer(const Json &value, const std::string &name)
{
    if (!value.is_integer())
        refuse(name + " must be an integer");
    return value.integer();
}

std::string text(const Json &value, const std::string &name)
{
    if (!value.is_string())
        refuse(name + " must be a string");
    return value.text();
}

Moment moment(const Json &value, const std::string &name)
{
    if (value.is_boolean())
        return value.boolean() ? Moment::before : Moment::never;
    if (value.text() == "before")
        return Moment::before;
    if (value.text() == "after")
        return Moment::after;
    refuse(name + " must be \"before\" or \"after\"");
}

Part part(const Json &value, const std::string &name)
{
    if (value.text() == "headers")
        return Part::headers;
    if (value.text() == "body")
        return Part::body;
    refuse(name + " must be \"headers\" or \"body\"");
}

void read_match(Fault &fault, const Json &match)
{
    for (const std::string &name : match.keys()) {
        std::string value = text(match.get(name), "match." + name);
        if (name == "method")
            fault.method = value;
        else if (name == "room" || name == "name")
            fault.room = value;
        else if (name == "path")
            fault.path = std::regex(value);
        else
            refuse("unknown member of match: " + name);
    }
}

void read_headers(Fault &fault, const Json &headers)
{
    for (const std::string &name : headers.keys())
        fault.headers.emplace_back(name, text(headers.get(name), "headers." + name));
}

void read_member(Fault &fault, const std::string &name, const Json &value)
{
    if (name == "match")
        read_match(fault, value);
    else if (name == "headers")
        read_headers(fault, value);
    else if (name == "after")
        fault.after = integer(value, name);
    else if (name == "count")
        fault.count = integer(value, name);
    else if (name == "work" && value.is_boolean())
        fault.work = value.boolean();
    else if (name == "delay_before_ms")
        fault.delay_before_ms = integer(value, name);
    else if (name == "delay_ms")
        fault.delay_ms = integer(value, name);
    else if (name == "reset")
        fault.reset = moment(value, name);
    else if (name == "hang")
        fault.hang = moment(value, name);
    else if (name == "hang_ms")
        fault.hang_ms = integer(value, name);
    else if (name == "status")
        fault.status = static_cast<int>(integer(value, name));
    else if (name == "code")
        fault.code = integer(value, name);
    else if (name == "message")
        fault.message = text(value, name);
    else if (name == "body")
        fault.body = value.is_string() ? value.text() : value.dump();
    else if (name == "truncate")
        fault.truncate = integer(value, name);
    else if (name == "huge_body")
        fault.huge_body = integer(value, name);
    else if (name == "drip")
        fault.drip = integer(value, name);
    else if (name == "endless")
        fault.endless = part(value, name);
    else if (name == "raw")
        fault.raw = text(value, name);
    else
        refuse("unknown or malformed member of a fault: " + name);
}

Fault read_fault(const Json &wanted)
{
    Fault fault;
    if (!wanted.is_object())
        refuse("a fault must be a JSON object");
    try {
        for (const std::string &name : wanted.keys())
            read_member(fault, name, wanted.get(name));
    } catch (const std::regex_error &) {
        refuse("match.path is not a regular expression");
    }
    return fault;
}

}  // namespace

bool Fault::does_work() const
{
    if (work)
        return *work;
    if (reset != Moment::never)
        return reset == Moment::after;
    if (hang != Moment::never)
        return hang == Moment::after;
    return !replaces_answer();
}

Json Faults::add(const Json &wanted)
{
    std::vector<Fault> added;
    for (const Json &one : wanted.is_array() ? wanted.items() : std::vector<Json>{wanted})
        added.push_back(read_fault(one));
    Json ids = Json::array();
    std::lock_guard lock(mutex_);
    for (Fault &fault : added) {
        fault.id = next_id_++;
        ids.append(fault.id);
        faults_.push_back(std::move(fault));
    }
    return ids;
}

std::optional<Fault> Faults::strike(const std::string &method, const std::string &path,
                                    const std::string &room_sid, const std::string &room_name)
{
    std::lock_guard lock(mutex_);
    for (Fault &fault : faults_) {
        bool matches = (fault.method.empty() || fault.method == method) &&
                       (fault.room.empty() || fault.room == room_sid || fault.room == room_name) &&
                       (!fault.path || std::regex_search(path, *fault.path));
        if (!matches || (fault.count >= 0 && fault.struck >= fault.count) || ++fault.seen <= fault.after)
            continue;
        ++fault.struck;
        return fault;
    }
    return std::nullopt;
}

Json Faults::json() const
{
    std::lock_guard lock(mutex_);
    Json list = Json::array();
    for (const Fault &fault : faults_)
        list.append(Json::object()
                        .set("id", fault.id)
                        .set("seen", fault.seen)
                        .set("struck", fault.struck)
                        .set("count", fault.count)
                        .set("after", fault.after));
    return list;
}

void Faults::clear()
{
    std::lock_guard lock(mutex_);
    faults_.clear();
    ++generation_;
}

std::int64_t Faults::generation() const
{
    std::lock_guard lock(mutex_);
    return generation_;
}

}  // namespace sim
