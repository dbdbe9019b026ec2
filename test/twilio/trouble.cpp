#include "trouble.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "socket.hpp"

namespace sim {

namespace {

// what Twilio answers with such a status, 0 for none
std::int64_t usual_code(int status)
{
    switch (status) {
        case 401:
            return 20003;
        case 404:
            return 20404;
        case 429:
            return 20429;
        case 503:
            return 20503;
        default:
            return 0;
    }
}

// the status line's words; clients ignore them
std::string_view reason(int status)
{
    return status < 300 ? "OK" : status < 500 ? "Refused" : "Failed";
}

std::string open_head_of(const Reply &reply)
{
    std::string head =
        "HTTP/1.1 " + std::to_string(reply.status) + " " + std::string(reason(reply.status)) + "\r\n";
    for (const auto &[name, value] : reply.headers)
        head += name + ": " + value + "\r\n";
    return head + "Content-Type: " + reply.content_type + "\r\n";
}

std::string head_of(const Reply &reply, std::size_t length)
{
    return open_head_of(reply) + "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}

// false when the client was the first to give up
bool hang(int connection, const Fault &fault, const Faults &faults)
{
    std::int64_t generation = faults.generation();
    Time until = real_now() + fault.hang_ms * millisecond;
    while (real_now() < until && generation == faults.generation()) {
        if (peer_has_gone(connection))
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

std::string send_faulty(int connection, const Fault &fault, const Reply &reply)
{
    std::string bytes = fault.raw ? *fault.raw : head_of(reply, reply.body.size()) + reply.body;
    std::size_t cut = bytes.size();
    if (!fault.raw && fault.truncate >= 0)
        cut = bytes.size() - reply.body.size() +
              std::min(reply.body.size(), static_cast<std::size_t>(fault.truncate));
    std::string_view rest(bytes.data(), cut);
    bool taken = true;
    if (fault.drip > 0) {
        for (; taken && !rest.empty(); rest.remove_prefix(1)) {
            taken = send_all(connection, rest.substr(0, 1));
            std::this_thread::sleep_for(std::chrono::microseconds(second / fault.drip));
        }
    } else {
        taken = send_all(connection, rest);
    }
    finish_connection(connection);
    return !taken ? "client left" : fault.raw ? "raw" : cut < bytes.size() ? "truncated" : "dripped";
}

// until the client leaves or the faults are cleared
std::string send_endlessly(int connection, const Fault &fault, const Reply &reply, const Faults &faults)
{
    bool headers = fault.endless == Part::headers;
    std::string more = headers ? "X-More: " + std::string(1000, 'x') + "\r\n" : std::string(65536, ' ');
    std::int64_t generation = faults.generation();
    bool taken =
        send_all(connection, headers ? open_head_of(reply) : open_head_of(reply) + "\r\n" + reply.body);
    while (taken && generation == faults.generation())
        taken = send_all(connection, more);
    finish_connection(connection);
    return taken ? "endless" : "client left";
}

}  // namespace

Reply spoil(const Fault &fault, const Rest &rest, Reply reply)
{
    if (fault.replaces_answer() || !fault.does_work()) {
        std::int64_t code = fault.code != 0 || fault.body ? fault.code : usual_code(fault.status);
        std::string message = fault.message.empty() ? "fault " + std::to_string(fault.id) : fault.message;
        if (code != 0)
            reply = rest.refuse(ApiError(code, message));
        else
            reply = {.body = "<html><body><h1>" + message + "</h1></body></html>",
                     .headers = {},
                     .content_type = "text/html"};
        if (fault.body) {
            reply.body = *fault.body;
            reply.content_type = "application/json";
        }
        if (fault.status != 0)
            reply.status = fault.status;
    }
    reply.headers.insert(reply.headers.end(), fault.headers.begin(), fault.headers.end());
    if (auto size = static_cast<std::size_t>(fault.huge_body); size > reply.body.size())
        reply.body.append(size - reply.body.size(), ' ');
    return reply;
}

bool breaks_connection(const Fault &fault)
{
    return fault.hang != Moment::never || fault.reset != Moment::never || fault.truncate >= 0 ||
           fault.drip > 0 || fault.endless != Part::none || fault.raw;
}

std::string break_connection(int connection, const Fault &fault, const Reply &reply, const Faults &faults)
{
    if (fault.endless != Part::none)
        return send_endlessly(connection, fault, reply, faults);
    if (fault.hang == Moment::never && fault.reset == Moment::never)
        return send_faulty(connection, fault, reply);
    std::string outcome = "reset";
    if (fault.hang != Moment::never)
        outcome = hang(connection, fault, faults) ? "hung" : "client left";
    reset_connection(connection);
    return outcome;
}

}  // namespace sim
