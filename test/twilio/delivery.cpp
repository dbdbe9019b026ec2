#include "delivery.hpp"

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "crypto.hpp"

namespace sim {

namespace {

enum class Failure { none, connect, read, partial };

void override_number(std::int64_t &field, const std::string &value, std::int64_t least, std::int64_t most)
{
    std::int64_t number = 0;
    auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (problem == std::errc() && end == value.data() + value.size() && number >= least && number <= most)
        field = number;
}

std::string default_port(const Url &url)
{
    return url.scheme == "https" ? "443" : "80";
}

// the URL that is signed: never with fragment or user info, its port as settings.callback_signed_url says
std::string signed_url(Url url, const Settings &settings)
{
    if (settings.callback_signed_url == "without_port")
        url.port.clear();
    else if (settings.callback_signed_url == "with_port" && url.port.empty())
        url.port = default_port(url);
    return url.origin() + url.target;
}

Failure classify(httplib::Error error, bool headers_seen)
{
    switch (error) {
        case httplib::Error::Success:
            return Failure::none;
        case httplib::Error::Connection:
        case httplib::Error::ConnectionTimeout:
        case httplib::Error::SSLConnection:
        case httplib::Error::SSLLoadingCerts:
        case httplib::Error::SSLServerVerification:
            return Failure::connect;
        default:
            return headers_seen ? Failure::partial : Failure::read;
    }
}

struct Outcome {
    Failure failure;
    int status;
    bool asks_for_password;
};

Outcome send_once(const Url &url, const httplib::Request &prepared, const RetryPolicy &policy,
                  std::int64_t left_ms, const Settings &settings)
{
    httplib::Client client(url.origin());
    std::int64_t connect_ms = std::min(policy.connect_ms, left_ms),
                 read_ms = std::min(policy.read_ms, left_ms);
    client.set_connection_timeout(connect_ms / 1000, connect_ms % 1000 * 1000);
    client.set_read_timeout(read_ms / 1000, read_ms % 1000 * 1000);
    client.set_tcp_nodelay(true);
    client.set_url_encode(false);
    client.set_follow_location(settings.callback_redirects);
    bool headers_seen = false;
    httplib::Request request = prepared;
    request.response_handler = [&](const httplib::Response &) {
        headers_seen = true;
        return true;
    };
    httplib::Result result = client.send(request);
    if (!result)
        return {classify(result.error(), headers_seen), 0, false};
    return {Failure::none, result->status, result->status == 401 && result->has_header("WWW-Authenticate")};
}

bool worth_retrying(const Outcome &outcome, const RetryPolicy &policy)
{
    if (outcome.failure == Failure::connect)
        return policy.on_connect;
    if (outcome.failure == Failure::read)
        return policy.on_read;
    // Twilio: a partial response is not retried
    if (outcome.failure == Failure::partial)
        return false;
    return (outcome.status >= 500 && policy.on_5xx) ||
           (outcome.status >= 400 && outcome.status < 500 && policy.on_4xx);
}

}  // namespace

RetryPolicy parse_policy(const std::string &fragment)
{
    RetryPolicy policy;
    for (const auto &[key, value] : decode_form(fragment).value_or(Form())) {
        if (key == "ct")
            override_number(policy.connect_ms, value, 100, 10000);
        else if (key == "rt")
            override_number(policy.read_ms, value, 100, 15000);
        else if (key == "tt")
            override_number(policy.total_ms, value, 100, 15000);
        else if (key == "rc")
            override_number(policy.retries, value, 0, 5);
        if (key != "rp")
            continue;
        auto names = [list = "," + value + ","](const std::string &word) {
            return list.find("," + word + ",") != std::string::npos ||
                   list.find(",all,") != std::string::npos;
        };
        policy.on_4xx = names("4xx");
        policy.on_5xx = names("5xx");
        policy.on_connect = names("ct");
        policy.on_read = names("rt");
    }
    return policy;
}

std::string sign(const std::string &auth_token, const std::string &url, Form params)
{
    std::sort(params.begin(), params.end());
    params.erase(std::unique(params.begin(), params.end()), params.end());
    std::string text = url.substr(0, url.find('#'));
    for (const auto &[name, value] : params)
        text += name + value;
    return base64(hmac_sha1(auth_token, text));
}

bool deliver(const Notice &notice, const Settings &settings, const std::string &idempotency_token,
             const std::function<void(const Attempt &)> &attempted)
{
    std::optional<Url> parsed = parse_url(notice.url);
    if (!parsed)
        return false;
    Url url = *parsed;
    RetryPolicy policy = parse_policy(url.fragment);
    bool post = notice.method != "GET";
    if (!post)
        url.target += (url.target.find('?') == std::string::npos ? "?" : "&") + encode_form(notice.params);
    std::string credentials = std::exchange(url.user_info, "");
    Attempt attempt;
    attempt.url = signed_url(url, settings);
    attempt.signature = sign(settings.auth_token, attempt.url, post ? notice.params : Form());
    httplib::Request request;
    request.method = post ? "POST" : "GET";
    request.path = url.target.empty() || url.target.front() == '?' ? "/" + url.target : url.target;
    request.headers = {{"X-Twilio-Signature", attempt.signature},
                       {"I-Twilio-Idempotency-Token", idempotency_token},
                       {"User-Agent", "TwilioProxy/1.1"},
                       {"Accept", "*/*"}};
    if (post) {
        request.body = encode_form(notice.params);
        request.headers.emplace("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8");
    }
    Time give_up = real_now() + policy.total_ms * millisecond;
    for (std::int64_t tries = 0; tries <= policy.retries; ++tries) {
        attempt.at = real_now();
        std::int64_t left_ms = (give_up - attempt.at) / millisecond;
        if (left_ms <= 0)
            return false;
        Outcome outcome = send_once(url, request, policy, left_ms, settings);
        // Twilio: user and password of the URL are sent only to who asks for them
        if (outcome.asks_for_password && !credentials.empty()) {
            std::string plain = url_decode(credentials, false).value_or(credentials);
            request.headers.emplace("Authorization", "Basic " + base64(plain));
            credentials.clear();
            outcome = send_once(url, request, policy, left_ms, settings);
        }
        attempt.status = outcome.status;
        attempt.error = outcome.failure == Failure::connect   ? "connect"
                        : outcome.failure == Failure::read    ? "read"
                        : outcome.failure == Failure::partial ? "partial answer"
                                                              : "";
        attempted(attempt);
        if (outcome.status >= 200 && outcome.status < 300)
            return true;
        if (!worth_retrying(outcome, policy))
            return false;
    }
    return false;
}

}  // namespace sim
