#include "http/client.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace videoroom::http {
namespace {

using Clock = std::chrono::steady_clock;

// A list of 1000 rooms is below 2 MB.
constexpr std::size_t max_body = 8 * 1024 * 1024;

// Load balancers close what was idle for a minute; a request sent into that moment would be lost.
constexpr long max_idle_seconds = 50;

class SignalsBlocked {
public:
    SignalsBlocked()
    {
        sigset_t all;
        sigfillset(&all);
        for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS})
            sigdelset(&all, fault);
        pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked &) = delete;
    SignalsBlocked &operator=(const SignalsBlocked &) = delete;

private:
    sigset_t before_;
};

struct CurlGlobal {
    CurlGlobal()
    {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
            throw std::runtime_error("could not initialize libcurl");
    }
    ~CurlGlobal() { curl_global_cleanup(); }
    CurlGlobal(const CurlGlobal &) = delete;
    CurlGlobal &operator=(const CurlGlobal &) = delete;
};

struct FreeEasy {
    void operator()(CURL *easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
    void operator()(CURLM *multi) const { curl_multi_cleanup(multi); }
};
struct FreeList {
    void operator()(curl_slist *list) const { curl_slist_free_all(list); }
};

class Epoll {
public:
    Epoll() : fd_(epoll_create1(EPOLL_CLOEXEC))
    {
        if (fd_ < 0)
            throw std::system_error(errno, std::generic_category(), "could not create epoll set");
    }
    ~Epoll() { close(fd_); }
    Epoll(const Epoll &) = delete;
    Epoll &operator=(const Epoll &) = delete;

    int fd() const { return fd_; }

    bool watch(int socket, std::uint32_t events)
    {
        epoll_event event = {};
        event.events = events;
        event.data.fd = socket;
        return epoll_ctl(fd_, EPOLL_CTL_MOD, socket, &event) == 0 ||
               (errno == ENOENT && epoll_ctl(fd_, EPOLL_CTL_ADD, socket, &event) == 0);
    }

    void forget(int socket)
    {
        epoll_event event = {};
        epoll_ctl(fd_, EPOLL_CTL_DEL, socket,
                  &event);  // fails where closing it was faster: nothing left to forget
    }

private:
    int fd_;
};

// One easy handle, used again and again, and what it carries now.
struct Transfer {
    std::unique_ptr<CURL, FreeEasy> easy;
    Request request;
    Answer answer;
    std::array<char, CURL_ERROR_SIZE> curl_error = {};
    bool running = false;
    bool sent = false;  // a connection stood, TLS and all, and the request was about to be written
    bool cut_off =
        false;  // that connection died before an answer, and curl would have sent the request again
    bool too_large = false;  // the answer
};

size_t on_body(char *data, size_t, size_t size, void *context)
{
    auto *transfer = static_cast<Transfer *>(context);
    std::string &body = transfer->answer.body;
    if (size > max_body - body.size()) {
        transfer->too_large = true;
        return 0;
    }
    try {
        body.append(data, size);
        return size;
    } catch (const std::exception &) {
        return 0;  // out of memory: curl ends the transfer with a write error
    }
}

// Curl repeats a request by itself when a kept connection turns out to be dead. The first one may have
// arrived nevertheless, so this must show: whoever asks for the second sending is told to give up.
int on_ready_to_send(void *context, char *, char *, int, int)
{
    auto *transfer = static_cast<Transfer *>(context);
    transfer->cut_off = transfer->sent;
    transfer->sent = true;
    return transfer->cut_off ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

void check(CURLMcode code)
{
    if (code != CURLM_OK)
        throw std::runtime_error(curl_multi_strerror(code));
}

std::string header(CURL *easy, const char *name)
{
    curl_header *found = nullptr;
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
        return {};
    return found->value;
}

template <class Value>
void set(CURL *easy, CURLoption option, Value value)
{
    CURLcode code = curl_easy_setopt(easy, option, value);
    if (code != CURLE_OK)
        throw std::runtime_error(curl_easy_strerror(code));
}

void set_up(Transfer &transfer, const std::string &user_agent, curl_slist *headers)
{
    CURL *easy = transfer.easy.get();
    const Request &request = transfer.request;
    set(easy, CURLOPT_PRIVATE, &transfer);
    set(easy, CURLOPT_ERRORBUFFER, transfer.curl_error.data());
    set(easy, CURLOPT_WRITEFUNCTION, on_body);
    set(easy, CURLOPT_WRITEDATA, &transfer);
    set(easy, CURLOPT_PREREQFUNCTION, on_ready_to_send);
    set(easy, CURLOPT_PREREQDATA, &transfer);
    set(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    set(easy, CURLOPT_QUICK_EXIT, 1L);  // else a silent name server holds up cancel_all() for ten seconds
#endif
    set(easy, CURLOPT_URL, request.url.c_str());
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_MAXAGE_CONN, max_idle_seconds);
    set(easy, CURLOPT_TIMEOUT_MS, request.timeout_ms);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, request.timeout_ms);
    set(easy, CURLOPT_USERAGENT, user_agent.c_str());
    set(easy, CURLOPT_HTTPHEADER, headers);
    if (!request.user.empty()) {
        set(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
        set(easy, CURLOPT_USERNAME, request.user.c_str());
        set(easy, CURLOPT_PASSWORD, request.password.c_str());
    }
    if (request.method == "POST") {
        set(easy, CURLOPT_POST, 1L);
        set(easy, CURLOPT_POSTFIELDS, request.body.data());
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
}

std::string describe(const Transfer &transfer, CURLcode code)
{
    if (transfer.too_large)
        return "answer is larger than " + std::to_string(max_body) + " bytes";
    if (transfer.cut_off)
        return "connection was closed before an answer came";
    return transfer.curl_error[0] != '\0' ? transfer.curl_error.data() : curl_easy_strerror(code);
}

}  // namespace

class Client::Loop {
public:
    Loop(int max_connections, const std::string &user_agent);
    ~Loop();
    Loop(const Loop &) = delete;
    Loop &operator=(const Loop &) = delete;

    int descriptor() const { return epoll_.fd(); }
    long timeout_ms() const;
    void start(Request request);
    void service();
    std::vector<Answer> take_answers() { return std::exchange(answers_, {}); }
    std::size_t in_flight() const { return transfers_.size() - idle_.size(); }
    void cancel_all();

private:
    static int on_socket(CURL *, curl_socket_t socket, int what, void *context, void *);
    static int on_timer(CURLM *, long milliseconds, void *context);

    Transfer &idle_transfer();
    bool service_once();
    void act(curl_socket_t socket, int events);
    void collect();
    void finish(Transfer &transfer, CURLcode code);
    void release(Transfer &transfer);

    CurlGlobal global_;
    Epoll epoll_;
    std::string user_agent_;
    std::unique_ptr<curl_slist, FreeList> headers_;
    std::unique_ptr<CURLM, FreeMulti> multi_;
    std::optional<Clock::time_point> due_;
    std::vector<std::unique_ptr<Transfer>> transfers_;
    std::vector<Transfer *> idle_;
    std::vector<Answer> answers_;
};

Client::Loop::Loop(int max_connections, const std::string &user_agent)
    : user_agent_(user_agent),
      headers_(curl_slist_append(nullptr, "Accept: application/json")),
      multi_(curl_multi_init())
{
    if (headers_ == nullptr || multi_ == nullptr)
        throw std::bad_alloc();
    CURLM *multi = multi_.get();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(max_connections));
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(max_connections));
}

Client::Loop::~Loop()
{
    SignalsBlocked blocked;
    cancel_all();
    transfers_.clear();
    multi_.reset();
}

int Client::Loop::on_socket(CURL *, curl_socket_t socket, int what, void *context, void *)
{
    Epoll &epoll = static_cast<Loop *>(context)->epoll_;
    if (what == CURL_POLL_REMOVE) {
        epoll.forget(socket);
        return 0;
    }
    std::uint32_t events = 0;
    if ((what & CURL_POLL_IN) != 0)
        events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0)
        events |= EPOLLOUT;
    return epoll.watch(socket, events) ? 0 : -1;
}

int Client::Loop::on_timer(CURLM *, long milliseconds, void *context)
{
    auto &due = static_cast<Loop *>(context)->due_;
    if (milliseconds < 0)
        due.reset();
    else
        due = Clock::now() + std::chrono::milliseconds(milliseconds);
    return 0;
}

long Client::Loop::timeout_ms() const
{
    if (!due_)
        return -1;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(*due_ - Clock::now());
    return std::max<long>(0, static_cast<long>(left.count()));
}

void Client::Loop::start(Request request)
{
    if (request.method != "GET" && request.method != "POST")
        throw std::invalid_argument("method must be GET or POST");
    if (request.timeout_ms <= 0)
        throw std::invalid_argument("timeout must be positive");
    SignalsBlocked blocked;
    Transfer &transfer = idle_transfer();
    transfer.answer.tag = request.tag;
    transfer.request = std::move(request);
    try {
        set_up(transfer, user_agent_, headers_.get());
        check(curl_multi_add_handle(multi_.get(), transfer.easy.get()));
        transfer.running = true;
    } catch (const std::runtime_error &e) {
        transfer.answer.transport = core::Transport::not_sent;
        transfer.answer.error = e.what();
        answers_.push_back(std::move(transfer.answer));
        release(transfer);
    }
}

Transfer &Client::Loop::idle_transfer()
{
    if (idle_.empty()) {
        auto made = std::make_unique<Transfer>();
        made->easy.reset(curl_easy_init());
        if (made->easy == nullptr)
            throw std::bad_alloc();
        idle_.reserve(transfers_.size() + 1);
        transfers_.push_back(std::move(made));
        return *transfers_.back();
    }
    Transfer &transfer = *idle_.back();
    idle_.pop_back();
    return transfer;
}

void Client::Loop::service()
{
    constexpr int rounds = 8;  // what one answer sets off is done at once, but the caller's turn comes, too
    SignalsBlocked blocked;
    for (int round = 0; round < rounds && service_once(); round++)
        collect();
}

// Gives whether there was anything to do.
bool Client::Loop::service_once()
{
    std::array<epoll_event, 64> events;
    int ready = epoll_wait(epoll_.fd(), events.data(), static_cast<int>(events.size()), 0);
    if (ready < 0)
        throw std::system_error(errno, std::generic_category(), "could not read epoll set");
    for (int i = 0; i < ready; i++) {
        const epoll_event &event = events.at(static_cast<std::size_t>(i));
        int what = 0;
        if ((event.events & EPOLLIN) != 0)
            what |= CURL_CSELECT_IN;
        if ((event.events & EPOLLOUT) != 0)
            what |= CURL_CSELECT_OUT;
        if ((event.events & (EPOLLERR | EPOLLHUP)) != 0)
            what |= CURL_CSELECT_ERR;
        act(event.data.fd, what);
    }
    bool due = due_ && *due_ <= Clock::now();
    if (due) {
        due_.reset();
        act(CURL_SOCKET_TIMEOUT, 0);
    }
    return ready > 0 || due;
}

void Client::Loop::act(curl_socket_t socket, int events)
{
    int running = 0;
    check(curl_multi_socket_action(multi_.get(), socket, events, &running));
}

void Client::Loop::collect()
{
    int left = 0;
    while (const CURLMsg *message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        Transfer *transfer = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish(*transfer, code);
    }
}

void Client::Loop::finish(Transfer &transfer, CURLcode code)
{
    CURL *easy = transfer.easy.get();
    Answer &answer = transfer.answer;
    answer.request_id = header(easy, "Twilio-Request-Id");
    if (code == CURLE_OK) {
        answer.transport = core::Transport::answered;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
        answer.retry_after = header(easy, "Retry-After");
    } else {
        answer.transport = transfer.sent ? core::Transport::lost : core::Transport::not_sent;
        answer.body.clear();
        answer.error = describe(transfer, code);
    }
    answers_.push_back(std::move(answer));
    release(transfer);
}

void Client::Loop::release(Transfer &transfer)
{
    CURL *easy = transfer.easy.get();
    if (transfer.running)
        check(curl_multi_remove_handle(multi_.get(), easy));
    curl_easy_reset(easy);
    Transfer fresh;
    fresh.easy = std::move(transfer.easy);
    transfer = std::move(fresh);
    idle_.push_back(&transfer);
}

void Client::Loop::cancel_all()
{
    SignalsBlocked blocked;
    for (const auto &transfer : transfers_)
        if (transfer->running)
            release(*transfer);
}

Client::Client(int max_connections, const std::string &user_agent)
    : loop_(std::make_unique<Loop>(max_connections, user_agent))
{
}

Client::~Client() = default;

int Client::descriptor() const
{
    return loop_->descriptor();
}

long Client::timeout_ms() const
{
    return loop_->timeout_ms();
}

void Client::start(Request request)
{
    loop_->start(std::move(request));
}

void Client::service()
{
    loop_->service();
}

std::vector<Answer> Client::take_answers()
{
    return loop_->take_answers();
}

std::size_t Client::in_flight() const
{
    return loop_->in_flight();
}

void Client::cancel_all()
{
    loop_->cancel_all();
}

}  // namespace videoroom::http
