#include "delivery.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "crypto.hpp"

namespace sim {

namespace {

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

struct Message {
    std::string url;  // with user and password
    bool post;
    std::string body;
    std::unique_ptr<curl_slist, void (*)(curl_slist *)> headers{nullptr, curl_slist_free_all};

    void add(const std::string &header)
    {
        headers.reset(curl_slist_append(headers.release(), header.c_str()));
    }
};

size_t discard(char *, size_t, size_t size, void *)
{
    return size;
}

void send_once(const Message &message, const RetryPolicy &policy, std::int64_t left_ms,
               const Settings &settings, Attempt &attempt)
{
    std::unique_ptr<CURL, void (*)(CURL *)> curl(curl_easy_init(), curl_easy_cleanup);
    auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_URL, message.url.c_str());
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_FOLLOWLOCATION, settings.callback_redirects ? 1L : 0L);
    // Twilio: user and password of the URL are sent only to who asks for them, as with more than one way here
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    set(CURLOPT_HTTPHEADER, message.headers.get());
    if (message.post) {
        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(message.body.size()));
        set(CURLOPT_POSTFIELDS, message.body.c_str());
    }
    set(CURLOPT_WRITEFUNCTION, discard);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(policy.connect_ms));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::min(policy.read_ms, left_ms)));
    CURLcode result = curl_easy_perform(curl.get());
    long sent = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &attempt.status);
    curl_easy_getinfo(curl.get(), CURLINFO_REQUEST_SIZE, &sent);
    attempt.error = "";
    if (result == CURLE_OK)
        return;
    attempt.error = sent == 0 ? "connect" : attempt.status == 0 ? "read" : "partial answer";
    attempt.status = 0;
}

bool worth_retrying(const Attempt &attempt, const RetryPolicy &policy)
{
    // Twilio: a partial response is not retried
    if (!attempt.error.empty())
        return (attempt.error == "connect" && policy.on_connect) ||
               (attempt.error == "read" && policy.on_read);
    return (attempt.status >= 500 && policy.on_5xx) ||
           (attempt.status >= 400 && attempt.status < 500 && policy.on_4xx);
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
    Message message{.url = notice.url.substr(0, notice.url.find('#')),
                    .post = notice.method != "GET",
                    .body = encode_form(notice.params)};
    if (!message.post) {
        std::string query = (url.target.find('?') == std::string::npos ? "?" : "&") + message.body;
        url.target += query;
        message.url += query;
    }
    Attempt attempt;
    attempt.url = signed_url(url, settings);
    attempt.signature = sign(settings.auth_token, attempt.url, message.post ? notice.params : Form());
    message.add("X-Twilio-Signature: " + attempt.signature);
    message.add("I-Twilio-Idempotency-Token: " + idempotency_token);
    message.add("User-Agent: TwilioProxy/1.1");
    if (message.post)
        message.add("Content-Type: application/x-www-form-urlencoded; charset=UTF-8");
    Time give_up = real_now() + policy.total_ms * millisecond;
    for (std::int64_t tries = 0; tries <= policy.retries; ++tries) {
        attempt.at = real_now();
        std::int64_t left_ms = (give_up - attempt.at) / millisecond;
        if (left_ms <= 0)
            return false;
        send_once(message, policy, left_ms, settings, attempt);
        attempted(attempt);
        if (attempt.status >= 200 && attempt.status < 300)
            return true;
        if (!worth_retrying(attempt, policy))
            return false;
    }
    return false;
}

}  // namespace sim
