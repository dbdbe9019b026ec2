#include "http/transfer.hpp"

#include <charconv>
#include <ctime>
#include <exception>
#include <new>
#include <utility>

namespace videoroom::http {
namespace {

// A list of 1000 rooms is below 2 MB.
constexpr std::size_t max_body = 8UL * 1024 * 1024;

// Load balancers close what was idle for a minute; a request sent into that moment would be lost.
constexpr long max_idle_seconds = 50;

std::optional<core::Time> date_of(const std::string &header)
{
    const time_t date = header.empty() ? -1 : curl_getdate(header.c_str(), nullptr);
    return date == -1 ? std::nullopt : std::optional(date * core::second);
}

// RFC 9110: seconds, or a date.
std::optional<core::Time> retry_after(const std::string &header)
{
    const char *end = header.data() + header.size();
    std::int64_t seconds = 0;
    if (const auto read = std::from_chars(header.data(), end, seconds);
        read.ec == std::errc() && read.ptr == end && seconds >= 0 && header.size() <= 9)
        return seconds * core::second;
    const auto date = date_of(header);
    return date ? std::optional(*date - time(nullptr) * core::second) : std::nullopt;
}

template <class Value>
void set(CURL *easy, CURLoption option, Value value)
{
    check(curl_easy_setopt(easy, option, value));
}

}  // namespace

Transfer::Transfer() : easy_(curl_easy_init())
{
    if (easy_ == nullptr)
        throw std::bad_alloc();
}

void Transfer::set_up(Request request, const std::string &user_agent, curl_slist *headers)
{
    answer_.tag = request.tag;
    request_ = std::move(request);
    set_up_connection(user_agent, headers);
    set_up_route();
    set_up_request();
}

void Transfer::set_up_connection(const std::string &user_agent, curl_slist *headers)
{
    CURL *easy = easy_.get();
    set(easy, CURLOPT_ERRORBUFFER, curl_error_.data());
    set(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    set(easy, CURLOPT_QUICK_EXIT, 1L);  // else a silent name server holds up ~Client() for ten seconds
#endif
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_MAXAGE_CONN, max_idle_seconds);
    set(easy, CURLOPT_USERAGENT, user_agent.c_str());
    set(easy, CURLOPT_HTTPHEADER, headers);
}

void Transfer::set_up_route()
{
    CURL *easy = easy_.get();
    const Route &route = request_.route;
    set(easy, CURLOPT_PROXY, route.proxy.c_str());  // empty: none, whatever the environment says
    set(easy, CURLOPT_NOPROXY, "");
    if (!route.proxy_user.empty()) {
        set(easy, CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(easy, CURLOPT_PROXYUSERNAME, route.proxy_user.c_str());
        set(easy, CURLOPT_PROXYPASSWORD, route.proxy_password.c_str());
    }
    if (!route.ca_file.empty()) {
        set(easy, CURLOPT_CAINFO, route.ca_file.c_str());
        set(easy, CURLOPT_CAPATH, static_cast<const char *>(nullptr));
        set(easy, CURLOPT_PROXY_CAINFO, route.ca_file.c_str());
        set(easy, CURLOPT_PROXY_CAPATH, static_cast<const char *>(nullptr));
    }
}

void Transfer::set_up_request()
{
    CURL *easy = easy_.get();
    set(easy, CURLOPT_WRITEFUNCTION, on_body);
    set(easy, CURLOPT_WRITEDATA, this);
    set(easy, CURLOPT_PREREQFUNCTION, on_ready_to_send);
    set(easy, CURLOPT_PREREQDATA, this);
    set(easy, CURLOPT_URL, request_.url.c_str());
    set(easy, CURLOPT_TIMEOUT_MS, request_.timeout_ms);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, request_.timeout_ms);
    if (!request_.user.empty()) {
        set(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(easy, CURLOPT_USERNAME, request_.user.c_str());
        set(easy, CURLOPT_PASSWORD, request_.password.c_str());
    }
    if (request_.method == "POST") {
        set(easy, CURLOPT_POST, 1L);
        set(easy, CURLOPT_POSTFIELDS, request_.body.data());
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    }
}

size_t Transfer::on_body(char *data, size_t, size_t size, void *context)
{
    auto *transfer = static_cast<Transfer *>(context);
    std::string &body = transfer->answer_.body;
    if (size > max_body - body.size()) {
        transfer->too_large_ = true;
        return 0;
    }
    try {
        body.append(data, size);
        return size;
    } catch (const std::exception &) {
        return 0;  // out of memory: curl ends the transfer with a write error
    }
}

// Curl sends a request again by itself when a kept connection turns out to be dead. A POST of which a byte
// was sent may have arrived nevertheless, and that must show: when it is to be sent again, it is cut off.
int Transfer::on_ready_to_send(void *context, char *, char *, int, int)
{
    auto *transfer = static_cast<Transfer *>(context);
    transfer->cut_off_ = transfer->request_.method == "POST" && transfer->sent();
    if (transfer->sent_before_ < 0)
        transfer->sent_before_ = transfer->bytes_sent();
    // That second time is on a new connection: the other kept ones may be as dead.
    curl_easy_setopt(transfer->handle(), CURLOPT_FRESH_CONNECT, 1L);
    return transfer->cut_off_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

Answer Transfer::finish(CURLcode code)
{
    answer_.request_id = header("Twilio-Request-Id");
    answer_.took = total_time();
    if (code == CURLE_OK) {
        answer_.transport = core::Transport::answered;
        answer_.retry_after = retry_after(header("Retry-After"));
        answer_.date = date_of(header("Date"));
        curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &answer_.status);
    } else {
        answer_.transport = sent() ? core::Transport::lost : core::Transport::not_sent;
        answer_.error = describe(code);
        answer_.body.clear();
    }
    return std::exchange(answer_, {});
}

Answer Transfer::fail(const char *error)
{
    answer_.transport = core::Transport::not_sent;
    answer_.error = error;
    return std::exchange(answer_, {});
}

void Transfer::clear()
{
    curl_easy_reset(easy_.get());
    request_ = {};
    answer_ = {};
    curl_error_ = {};
    sent_before_ = -1;
    cut_off_ = too_large_ = false;
}

// A proxy's CONNECT counts, too.
long Transfer::bytes_sent() const
{
    long bytes = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &bytes);
    return bytes;
}

bool Transfer::sent() const
{
    return sent_before_ >= 0 && bytes_sent() > sent_before_;
}

core::Time Transfer::total_time() const
{
    curl_off_t microseconds = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_TOTAL_TIME_T, &microseconds);
    return microseconds;
}

std::string Transfer::header(const char *name) const
{
    curl_header *found = nullptr;
    if (curl_easy_header(easy_.get(), name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
        return {};
    return found->value;
}

std::string Transfer::describe(CURLcode code) const
{
    if (too_large_)
        return "answer is larger than " + std::to_string(max_body) + " bytes";
    if (cut_off_)
        return "connection was closed before an answer came";
    return curl_error_.front() != '\0' ? curl_error_.data() : curl_easy_strerror(code);
}

}  // namespace videoroom::http
