#include "http/client.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "http/curl.hpp"
#include "http/epoll.hpp"
#include "http/transfer.hpp"

namespace videoroom::http {
namespace {

using Clock = std::chrono::steady_clock;

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

private:
    static int on_socket(CURL *, curl_socket_t socket, int what, void *context, void *);
    static int on_timer(CURLM *, long milliseconds, void *context);

    std::unique_ptr<Transfer> idle_transfer();
    bool service_once();
    void act(curl_socket_t socket, int events);
    void collect();
    void retire(std::unique_ptr<Transfer> transfer);

    CurlGlobal global_;
    Epoll epoll_;
    std::string user_agent_;
    List headers_;
    Multi multi_;
    std::optional<Clock::time_point> due_;
    std::unordered_map<CURL *, std::unique_ptr<Transfer>> running_;
    std::vector<std::unique_ptr<Transfer>> idle_;
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
    for (const auto &[easy, transfer] : running_)
        curl_multi_remove_handle(multi_.get(), easy);
    running_.clear();
    idle_.clear();
    multi_.reset();
}

int Client::Loop::on_socket(CURL *, curl_socket_t socket, int what, void *context, void *)
{
    Epoll &epoll = static_cast<Loop *>(context)->epoll_;
    if (what == CURL_POLL_REMOVE) {
        epoll.watch_idle(socket);
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
    std::unique_ptr<Transfer> transfer = idle_transfer();
    CURL *easy = transfer->handle();
    try {
        transfer->set_up(std::move(request), user_agent_, headers_.get());
        check(curl_multi_add_handle(multi_.get(), easy));
        running_.emplace(easy, std::move(transfer));
    } catch (const std::runtime_error &e) {
        answers_.push_back(transfer->fail(e.what()));
        retire(std::move(transfer));
    }
}

std::unique_ptr<Transfer> Client::Loop::idle_transfer()
{
    if (idle_.empty())
        return std::make_unique<Transfer>();
    std::unique_ptr<Transfer> transfer = std::move(idle_.back());
    idle_.pop_back();
    return transfer;
}

void Client::Loop::retire(std::unique_ptr<Transfer> transfer)
{
    transfer->clear();
    idle_.push_back(std::move(transfer));
}

void Client::Loop::service()
{
    constexpr int rounds = 8;  // what one answer sets off is done at once, but the caller's turn comes, too
    SignalsBlocked blocked;
    for (int round = 0; round < rounds && service_once(); round++)
        collect();
}

// Gives whether there was anything to do. Idle connections come first, before curl can close or take one of
// them: curl looks at a kept one at most once a second, and what comes on one unasked says that the other
// side has closed it, or is about to. It is shut down, so that nothing can be sent on it, and curl takes a
// new one.
bool Client::Loop::service_once()
{
    auto ready = epoll_.ready();
    for (const epoll_event &event : ready)
        if (event.data.fd < 0)
            shutdown(~event.data.fd, SHUT_WR);
    for (const epoll_event &event : ready) {
        if (event.data.fd < 0)
            continue;
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
    return !ready.empty() || due;
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
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        auto transfer = std::move(running_.extract(easy).mapped());
        answers_.push_back(transfer->finish(code));
        check(curl_multi_remove_handle(multi_.get(), easy));
        retire(std::move(transfer));
    }
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

}  // namespace videoroom::http
