#include "server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <tuple>

#include "socket.hpp"
#include "trouble.hpp"

namespace sim {

namespace {

constexpr int backlog = 1024;  // httplib's own is 5: the sixth client to connect at once would wait a second

void sleep_ms(std::int64_t milliseconds)
{
    if (milliseconds > 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

// who the request says it is: api_key, auth_token, none or wrong
std::string authenticate(const std::string &header, const Settings &settings)
{
    if (header.empty())
        return "none";
    auto given =
        header.starts_with("Basic ") ? base64_decode(std::string_view(header).substr(6)) : std::nullopt;
    if (!given || !settings.credentials_valid)
        return "wrong";
    if (*given == settings.api_key_sid + ":" + settings.api_key_secret)
        return "api_key";
    return *given == settings.account_sid + ":" + settings.auth_token ? "auth_token" : "wrong";
}

}  // namespace

Server::Server(Twilio &twilio, std::size_t threads) : twilio_(twilio), control_(twilio)
{
    server_.new_task_queue = [threads] { return new httplib::ThreadPool(threads); };
    server_.set_tcp_nodelay(true);
    server_.set_keep_alive_max_count(1'000'000'000);
    server_.set_keep_alive_timeout(300);
    server_.set_read_timeout(60);
    server_.set_write_timeout(60);
    server_.set_socket_options([this](int descriptor) {
        int on = 1;
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        listening_ = descriptor;
    });
    const std::string any = "[\\s\\S]*";
    auto without_body = [this](const httplib::Request &request, httplib::Response &response) {
        handle(request, response, request.body);
    };
    // a content reader has no limit, while httplib's own reading of forms ends at 8 kB
    auto with_body = [this](const httplib::Request &request, httplib::Response &response,
                            const httplib::ContentReader &read) {
        std::string body;
        if (request.has_header("Content-Length") || request.has_header("Transfer-Encoding"))
            read([&](const char *data, std::size_t length) {
                body.append(data, length);
                return true;
            });
        handle(request, response, body);
    };
    server_.Get(any, without_body).Options(any, without_body).Delete(any, without_body);
    server_.Post(any, with_body).Put(any, with_body).Patch(any, with_body);
}

int Server::bind(const std::string &host, int port)
{
    port_ = port;
    if (port == 0)
        port_ = server_.bind_to_any_port(host);
    else if (!server_.bind_to_port(host, port))
        port_ = -1;
    if (port_ <= 0)
        throw std::runtime_error("could not listen on " + host + " port " + std::to_string(port));
    ::listen(listening_, backlog);
    return port_;
}

void Server::run()
{
    server_.listen_after_bind();
}

void Server::stop()
{
    server_.stop();
}

void Server::handle(const httplib::Request &request, httplib::Response &response, const std::string &body)
{
    std::size_t question = std::min(request.target.find('?'), request.target.size());
    Call call;
    call.method = request.method;
    call.path = request.target.substr(0, question);
    call.query = question < request.target.size() ? request.target.substr(question + 1) : "";
    call.body = body;
    std::string length = request.get_header_value("Content-Length");
    call.unread_body = call.method == "GET" && !length.empty() && length != "0";
    call.content_type = request.get_header_value("Content-Type");
    if (!call.path.starts_with("/sim/")) {
        handle_rest(request, response, call);
        return;
    }
    Reply reply = control_.handle(call.method, call.path, decode_form(call.query).value_or(Form()), body);
    response.status = reply.status;
    response.set_content(reply.body, reply.content_type);
}

void Server::locate(const Call &call, Seen &seen)
{
    std::string room;
    if (std::string_view rest = call.path; rest.starts_with("/v1/Rooms/")) {
        rest.remove_prefix(10);
        room = url_decode(rest.substr(0, rest.find('/')), false).value_or("");
    } else if (auto form = decode_form(call.body)) {
        room = value_of(*form, "UniqueName").value_or("");
    }
    std::tie(seen.room_sid, seen.room_name) = twilio_.world.names_of(room);
    if (seen.room_name.empty())
        (room.starts_with("RM") && room.size() == 34 ? seen.room_sid : seen.room_name) = room;
}

Reply Server::work(const httplib::Request &request, Call &call, Seen &seen)
{
    auto settings = twilio_.settings.get();
    seen.auth = authenticate(request.get_header_value("Authorization"), *settings);
    if (seen.auth == "none" || seen.auth == "wrong") {
        Reply reply = twilio_.rest.refuse(ApiError(20003, "Authenticate"));
        reply.headers.emplace_back("WWW-Authenticate", "Basic realm=\"Twilio API\"");
        return reply;
    }
    bool read = call.method == "GET";
    RateLimit &limit = read ? twilio_.reads : twilio_.writes;
    if (settings->rate_limits &&
        !limit.allows(read ? settings->reads_per_second : settings->writes_per_second)) {
        Reply reply = twilio_.rest.refuse(ApiError(20429, "Too Many Requests"));
        if (settings->retry_after_seconds > 0)
            reply.headers.emplace_back("Retry-After", std::to_string(settings->retry_after_seconds));
        return reply;
    }
    return twilio_.rest.handle(call);
}

void Server::handle_rest(const httplib::Request &request, httplib::Response &response, Call &call)
{
    auto settings = twilio_.settings.get();
    Time begun = real_now();
    std::int64_t number = twilio_.ledger.begin();
    int concurrent = ++concurrent_;
    call.base =
        settings->url_base.empty() ? "http://" + request.get_header_value("Host") : settings->url_base;
    Seen seen;
    seen.at = twilio_.clock.now();
    seen.method = call.method;
    seen.path = call.path;
    seen.query = call.query;
    seen.user_agent = request.get_header_value("User-Agent");
    seen.outcome = "answered";
    locate(call, seen);
    std::optional<Fault> fault = twilio_.faults.strike(call.method, call.path, seen.room_sid, seen.room_name);
    seen.fault = fault ? fault->id : 0;
    sleep_ms(fault ? fault->delay_before_ms : 0);
    Reply reply;
    if (!fault || fault->does_work())
        reply = work(request, call, seen);
    else
        call.form = decode_form(call.body).value_or(Form());
    if (seen.room_sid.empty())
        locate(call, seen);  // it may have made the room
    sleep_ms(settings->latency_ms + (fault ? fault->delay_ms : 0));
    if (fault)
        reply = spoil(*fault, twilio_.rest, reply);
    reply.headers.emplace_back("Twilio-Request-Id", twilio_.random.sid("RQ"));
    reply.headers.emplace_back("Twilio-Concurrent-Requests", std::to_string(concurrent));
    seen.form = call.form;
    seen.violations = call.violations;
    seen.status = reply.status;
    seen.code = reply.code;
    answer(request, response, fault, reply, seen);
    seen.took = real_now() - begun;
    --concurrent_;
    twilio_.ledger.add(number, seen, settings->ledger_limit);
}

void Server::answer(const httplib::Request &request, httplib::Response &response,
                    const std::optional<Fault> &fault, const Reply &reply, Seen &seen)
{
    if (fault && breaks_connection(*fault)) {
        int connection = find_connection(request.remote_port, port_);
        seen.outcome = break_connection(connection, *fault, reply, twilio_.faults);
        if (fault->hang != Moment::never || fault->reset != Moment::never)
            seen.status = 0;
        return;
    }
    response.status = reply.status;
    for (const auto &[name, value] : reply.headers)
        response.set_header(name, value);
    response.set_content(reply.body, reply.content_type);
}

}  // namespace sim
