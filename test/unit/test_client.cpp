#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <set>
#include <stdexcept>

#include "http/client.hpp"
#include "http_servers.hpp"

namespace {

using videoroom::core::Transport;
using videoroom::http::Answer;
using videoroom::http::Client;
using videoroom::http::Request;
using videoroom::test::HttpServer;
using videoroom::test::RawServer;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Request get(const std::string &url, long timeout_ms = 60000)
{
    return {.tag = 1,
            .method = "GET",
            .url = url,
            .user = "",
            .password = "",
            .body = "",
            .timeout_ms = timeout_ms,
            .route = {}};
}

Request post(const std::string &url, const std::string &body)
{
    return {.tag = 1,
            .method = "POST",
            .url = url,
            .user = "",
            .password = "",
            .body = body,
            .timeout_ms = 60000,
            .route = {}};
}

// Waits as a worker does: on the descriptor and the timeout, and on nothing else.
void wait_once(Client &client)
{
    pollfd waited = {client.descriptor(), POLLIN, 0};
    poll(&waited, 1, static_cast<int>(client.timeout_ms()));
    client.service();
}

std::vector<Answer> take(Client &client, std::size_t count)
{
    std::vector<Answer> answers = client.take_answers();
    while (answers.size() < count) {
        wait_once(client);
        std::ranges::move(client.take_answers(), std::back_inserter(answers));
    }
    if (answers.size() != count)
        throw std::logic_error("one request must give one answer");
    return answers;
}

Answer answer_to(Client &client, Request request)
{
    client.start(std::move(request));
    return take(client, 1).front();
}

// How many of so many requests at once are answered 200.
std::ptrdiff_t answered(Client &client, const Request &request, std::size_t count)
{
    for (std::size_t i = 0; i < count; i++)
        client.start(request);
    return std::ranges::count(take(client, count), 200, &Answer::status);
}

Answer answer_to(Request request)
{
    Client client(50, "test");
    return answer_to(client, std::move(request));
}

int closed_port()
{
    RawServer server([](int) {});
    std::string url = server.url("");
    return std::stoi(url.substr(url.rfind(':') + 1));
}

class Environment {
public:
    Environment(const std::string &name, const std::string &value) : name_(name)
    {
        if (const char *before = getenv(name.c_str()))
            before_ = before;
        setenv(name.c_str(), value.c_str(), 1);
    }
    ~Environment()
    {
        if (before_)
            setenv(name_.c_str(), before_->c_str(), 1);
        else
            unsetenv(name_.c_str());
    }
    Environment(const Environment &) = delete;
    Environment &operator=(const Environment &) = delete;

private:
    std::string name_;
    std::optional<std::string> before_;
};

// A certificate and its key, both in one file.
struct SelfSigned {
    SelfSigned()
    {
        EVP_PKEY *key = EVP_RSA_gen(2048);
        X509 *certificate = X509_new();
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        const unsigned char host[] = "127.0.0.1";
        X509_NAME *name = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host, -1, -1, 0);
        X509_set_issuer_name(certificate, name);
        X509_set_pubkey(certificate, key);
        X509_EXTENSION *address = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
        X509_add_ext(certificate, address, -1);
        X509_EXTENSION_free(address);
        X509_sign(certificate, key, EVP_sha256());
        std::unique_ptr<FILE, int (*)(FILE *)> out(fopen(path.c_str(), "w"), fclose);
        PEM_write_X509(out.get(), certificate);
        PEM_write_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
    ~SelfSigned() { std::filesystem::remove(path); }
    SelfSigned(const SelfSigned &) = delete;
    SelfSigned &operator=(const SelfSigned &) = delete;

    std::string path = testing::TempDir() + "videoroom-" + std::to_string(getpid()) + ".pem";
};

TEST(Client, GivesStatusBodyAndTagOfAnAnswer)
{
    HttpServer http;
    http.server.Get("/v1/Rooms/x", [](const httplib::Request &request, httplib::Response &response) {
        EXPECT_EQ(request.get_header_value("Accept"), "application/json");
        EXPECT_EQ(request.get_header_value("User-Agent"), "videoroom/1.2");
        EXPECT_FALSE(request.has_header("Authorization"));
        response.status = 404;
        response.set_header("Twilio-Request-Id", "RQ123");
        response.set_content("{\"code\":20404}", "application/json");
    });
    http.start();
    Client client(50, "videoroom/1.2");
    Request request = get(http.url("/v1/Rooms/x"));
    request.tag = 77;
    Answer answer = answer_to(client, request);
    EXPECT_EQ(answer.tag, 77u);
    EXPECT_EQ(answer.transport, Transport::answered);
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.body, "{\"code\":20404}");
    EXPECT_EQ(answer.request_id, "RQ123");
    EXPECT_EQ(answer.retry_after, std::nullopt);
    EXPECT_EQ(answer.error, "");
}

TEST(Client, PostsTheBodyAsAForm)
{
    HttpServer http;
    http.server.Post("/v1/Rooms", [](const httplib::Request &request, httplib::Response &response) {
        EXPECT_EQ(request.get_header_value("Content-Type"), "application/x-www-form-urlencoded");
        EXPECT_FALSE(request.has_header("Expect"));
        response.status = 201;
        response.set_content(request.body, "text/plain");
    });
    http.start();
    Answer answer =
        answer_to(post(http.url("/v1/Rooms"), "UniqueName=a%20b&VideoCodecs=VP8&VideoCodecs=H264"));
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.body, "UniqueName=a%20b&VideoCodecs=VP8&VideoCodecs=H264");
}

TEST(Client, SendsAnEmptyPostWithItsLength)
{
    RawServer server([](int connection) {
        std::string head = RawServer::read_head(connection);
        EXPECT_NE(head.find("Content-Length: 0\r\n"), std::string::npos) << head;
        RawServer::write(connection, "HTTP/1.1 204 No Content\r\n\r\n");
    });
    EXPECT_EQ(answer_to(post(server.url("/"), "")).status, 204);
}

TEST(Client, SendsBasicAuthenticationAtOnceAndToThatRequestOnly)
{
    HttpServer http;
    http.server.Get("/", [](const httplib::Request &request, httplib::Response &response) {
        response.set_content(request.get_header_value("Authorization"), "text/plain");
    });
    http.start();
    Client client(1, "test");
    Request request = get(http.url("/"));
    request.user = "SK1";
    request.password = "p:ä";
    EXPECT_EQ(answer_to(client, request).body, "Basic U0sxOnA6w6Q=");
    EXPECT_EQ(answer_to(client, get(http.url("/"))).body, "");
}

TEST(Client, GivesHowLongRetryAfterAsksForInSecondsOrByADate)
{
    HttpServer http;
    std::string header;
    http.server.Get("/", [&](const httplib::Request &, httplib::Response &response) {
        response.status = 429;
        response.set_header("Retry-After", header);
    });
    http.start();
    Client client(1, "test");
    const auto asked = [&](const char *value) {
        header = value;
        return answer_to(client, get(http.url("/"))).retry_after;
    };
    EXPECT_EQ(asked("0"), 0);
    EXPECT_EQ(asked("120"), 2 * videoroom::core::minute);
    EXPECT_LT(asked("Sun, 06 Nov 1994 08:49:37 GMT").value(), 0);
    EXPECT_GT(asked("Tue, 01 Jan 2999 00:00:00 GMT").value(), videoroom::core::hour);
    for (const char *nonsense : {"soon", "-1", "1.5", "9999999999", "Sun, 06 Nov", "0x10"})
        EXPECT_EQ(asked(nonsense), std::nullopt) << nonsense;
}

TEST(Client, KeepsOneConnectionForRequestsInARow)
{
    HttpServer http;
    std::set<int> ports;
    http.server.Post("/", [&](const httplib::Request &request, httplib::Response &) {
        ports.insert(request.remote_port);
    });
    http.start();
    Client client(50, "test");
    for (int i = 0; i < 20; i++)
        EXPECT_EQ(answer_to(client, post(http.url("/"), "a=b")).status, 200);
    EXPECT_EQ(ports.size(), 1u);
}

TEST(Client, HasFiftyRequestsUnderWayAtOnce)
{
    HttpServer http;
    std::mutex mutex;
    std::condition_variable all_here;
    int here = 0;
    http.server.Post("/", [&](const httplib::Request &request, httplib::Response &response) {
        std::unique_lock lock(mutex);
        here++;
        all_here.notify_all();
        bool met = all_here.wait_for(lock, 10s, [&] { return here == 50; });
        response.status = met ? 200 : 500;
        response.set_content(request.body, "text/plain");
    });
    http.start();
    Client client(50, "test");
    for (std::uint64_t i = 0; i < 50; i++) {
        Request request = post(http.url("/"), "n=" + std::to_string(i));
        request.tag = i;
        client.start(request);
    }
    std::set<std::uint64_t> tags;
    for (const Answer &answer : take(client, 50)) {
        EXPECT_EQ(answer.status, 200) << answer.error;
        EXPECT_EQ(answer.body, "n=" + std::to_string(answer.tag));
        tags.insert(answer.tag);
    }
    EXPECT_EQ(tags.size(), 50u);
}

TEST(Client, OpensNoMoreConnectionsThanItMay)
{
    HttpServer http;
    std::atomic<int> now = 0;
    std::atomic<int> most = 0;
    http.server.Get("/", [&](const httplib::Request &, httplib::Response &) {
        int mine = ++now;
        int seen = most;
        while (mine > seen && !most.compare_exchange_weak(seen, mine)) {
        }
        std::this_thread::sleep_for(20ms);
        now--;
    });
    http.start();
    Client client(3, "test");
    EXPECT_EQ(answered(client, get(http.url("/")), 20), 20);
    EXPECT_EQ(most, 3);
}

TEST(Client, RefusedConnectionIsNotSent)
{
    Answer answer = answer_to(post("http://127.0.0.1:" + std::to_string(closed_port()) + "/", "a=b"));
    EXPECT_EQ(answer.transport, Transport::not_sent);
    EXPECT_EQ(answer.status, 0);
    EXPECT_NE(answer.error, "");
}

TEST(Client, UnknownHostIsNotSent)
{
    Answer answer = answer_to(get("http://no-such-host.invalid/", 1000));
    EXPECT_EQ(answer.transport, Transport::not_sent);
}

TEST(Client, UrlThatCannotBeCalledIsNotSent)
{
    for (const char *url :
         {"", "http://", "http://127.0.0.1:99999/", "ftp://127.0.0.1/", "file:///etc/passwd"}) {
        Answer answer = answer_to(get(url));
        EXPECT_EQ(answer.transport, Transport::not_sent) << url;
        EXPECT_EQ(answer.body, "") << url;
        EXPECT_NE(answer.error, "") << url;
    }
}

TEST(Client, SilentTlsHandshakeIsNotSent)
{
    RawServer server([](int connection) { RawServer::wait_for_close(connection); });
    Answer answer = answer_to(get(server.url("/", "https"), 200));
    EXPECT_EQ(answer.transport, Transport::not_sent);
}

TEST(Client, PeerThatSpeaksNoTlsIsNotSent)
{
    RawServer server([](int connection) { RawServer::write(connection, "HTTP/1.1 200 OK\r\n\r\n"); });
    EXPECT_EQ(answer_to(get(server.url("/", "https"))).transport, Transport::not_sent);
}

// An https server that nobody vouches for; it answers what is posted to /.
class HttpsServer {
public:
    HttpsServer() : server_(identity_.path.c_str(), identity_.path.c_str())
    {
        server_.Post("/", [&](const httplib::Request &request, httplib::Response &response) {
            called++;
            response.set_content(request.body, "text/plain");
        });
        port = server_.bind_to_any_port("127.0.0.1");
        thread_ = std::thread([this] { server_.listen_after_bind(); });
        while (!server_.is_running())
            std::this_thread::yield();
    }
    ~HttpsServer()
    {
        server_.stop();
        thread_.join();
    }
    HttpsServer(const HttpsServer &) = delete;
    HttpsServer &operator=(const HttpsServer &) = delete;

    std::string url() const { return "https://127.0.0.1:" + std::to_string(port) + "/"; }
    const std::string &certificate() const { return identity_.path; }

    std::atomic<int> called = 0;
    int port = 0;

private:
    SelfSigned identity_;
    httplib::SSLServer server_;
    std::thread thread_;
};

TEST(Client, CertificateThatNobodyVouchesForIsNotSent)
{
    HttpsServer server;
    Answer answer = answer_to(post(server.url(), "a=b"));
    EXPECT_EQ(answer.transport, Transport::not_sent);
    EXPECT_NE(answer.error.find("certificate"), std::string::npos) << answer.error;
    EXPECT_EQ(server.called, 0);
}

TEST(Client, CaFileNamesTheOnlyAuthorities)
{
    HttpsServer server;
    Request request = post(server.url(), "a=b");
    request.route.ca_file = server.certificate();
    EXPECT_EQ(answer_to(request).body, "a=b");
    SelfSigned stranger;
    request.route.ca_file = stranger.path;
    EXPECT_EQ(answer_to(request).transport, Transport::not_sent);
    request.route.ca_file = "/nonexistent.pem";
    EXPECT_EQ(answer_to(request).transport, Transport::not_sent);
    EXPECT_EQ(server.called, 1);
}

int connect_to(int port)
{
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return connect(connection, reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0 ? connection
                                                                                             : -1;
}

// Passes on what comes, both ways, until one side closes.
void tunnel(int one, int other)
{
    char buffer[4096];
    for (;;) {
        pollfd waited[] = {{one, POLLIN, 0}, {other, POLLIN, 0}};
        poll(waited, 2, -1);
        for (int i : {0, 1}) {
            if (waited[i].revents == 0)
                continue;
            ssize_t size = recv(waited[i].fd, buffer, sizeof(buffer), 0);
            if (size <= 0)
                return;
            RawServer::write(waited[1 - i].fd, std::string(buffer, static_cast<std::size_t>(size)));
        }
    }
}

TEST(Client, ProxyIsAskedForATunnelWithItsOwnPassword)
{
    HttpsServer server;
    std::string asked;
    RawServer proxy([&](int connection) {
        asked = RawServer::read_head(connection);
        int target = connect_to(server.port);
        RawServer::write(connection, "HTTP/1.1 200 Connection established\r\n\r\n");
        tunnel(connection, target);
        close(target);
    });
    Client client(1, "test");
    Request request = post(server.url(), "a=b");
    request.route = {proxy.url(""), "pro", "xy", server.certificate()};
    request.user = "SK1";
    request.password = "hunter2";
    for (int i = 0; i < 2; i++) {
        Answer answer = answer_to(client, request);
        EXPECT_EQ(answer.body, "a=b") << answer.error;
    }
    EXPECT_TRUE(asked.starts_with("CONNECT 127.0.0.1:" + std::to_string(server.port) + " HTTP/1.1\r\n"))
        << asked;
    EXPECT_NE(asked.find("Proxy-Authorization: Basic cHJvOnh5\r\n"), std::string::npos) << asked;
    EXPECT_EQ(asked.find("\r\nAuthorization"), std::string::npos) << asked;
    EXPECT_EQ(server.called, 2);
}

TEST(Client, ProxyThatRefusesOrIsNotThereMeansNotSent)
{
    HttpsServer server;
    RawServer proxy([](int connection) {
        RawServer::read_head(connection);
        RawServer::write(connection,
                         "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    });
    Request request = post(server.url(), "a=b");
    for (const std::string &url : {proxy.url(""), "http://127.0.0.1:" + std::to_string(closed_port())}) {
        request.route = {url, "pro", "hunter2", server.certificate()};
        Answer answer = answer_to(request);
        EXPECT_EQ(answer.transport, Transport::not_sent) << answer.error;
        EXPECT_EQ(answer.error.find("hunter2"), std::string::npos) << answer.error;
    }
    EXPECT_EQ(server.called, 0);
}

TEST(Client, PostThatDiesInATunnelIsLostAndNotSentAgain)
{
    std::atomic<int> tunnels = 0;
    RawServer target([](int connection) {
        RawServer::read_head(connection);
        RawServer::reset(connection);
    });
    RawServer proxy([&](int connection) {
        tunnels++;
        RawServer::read_head(connection);
        RawServer::reset(connection);
    });
    Request request = post(target.url("/"), "a=b");  // no TLS: the proxy is sent the request itself
    request.route.proxy = proxy.url("");
    EXPECT_EQ(answer_to(request).transport, Transport::lost);
    EXPECT_EQ(tunnels, 1);
}

TEST(Client, ResetBeforeTheAnswerIsLost)
{
    RawServer server([](int connection) {
        RawServer::read_head(connection);
        RawServer::reset(connection);
    });
    Answer answer = answer_to(get(server.url("/")));
    EXPECT_EQ(answer.transport, Transport::lost);
    EXPECT_EQ(answer.status, 0);
    EXPECT_NE(answer.error, "");
}

TEST(Client, CloseBeforeTheAnswerIsLost)
{
    RawServer server([](int connection) { RawServer::read_head(connection); });
    EXPECT_EQ(answer_to(get(server.url("/"))).transport, Transport::lost);
}

TEST(Client, HangIsLostWhenItsTimeIsUp)
{
    RawServer server([](int connection) { RawServer::wait_for_close(connection); });
    auto begun = Clock::now();
    Answer answer = answer_to(get(server.url("/"), 300));
    EXPECT_EQ(answer.transport, Transport::lost);
    EXPECT_GE(Clock::now() - begun, 290ms);
    EXPECT_LT(Clock::now() - begun, 2s);
}

TEST(Client, TruncatedBodyIsLost)
{
    RawServer server([](int connection) {
        RawServer::read_head(connection);
        RawServer::write(
            connection,
            "HTTP/1.1 201 Created\r\nTwilio-Request-Id: RQ9\r\nContent-Length: 100\r\n\r\n{\"sid\"");
    });
    Answer answer = answer_to(get(server.url("/")));
    EXPECT_EQ(answer.transport, Transport::lost);
    EXPECT_EQ(answer.status, 0);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.request_id, "RQ9");
}

TEST(Client, TruncatedChunkedBodyIsLost)
{
    RawServer server([](int connection) {
        RawServer::read_head(connection);
        RawServer::write(connection,
                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{\"sid\"\r\n");
    });
    EXPECT_EQ(answer_to(get(server.url("/"))).transport, Transport::lost);
}

TEST(Client, AnswerOfEightMegabytesIsTaken)
{
    HttpServer http;
    http.server.Get("/", [](const httplib::Request &, httplib::Response &response) {
        response.set_content(std::string(std::size_t{8} * 1024 * 1024, 'x'), "text/plain");
    });
    http.start();
    Answer answer = answer_to(get(http.url("/")));
    EXPECT_EQ(answer.transport, Transport::answered);
    EXPECT_EQ(answer.body.size(), 8u * 1024 * 1024);
}

TEST(Client, EndlessBodyIsLost)
{
    RawServer server([](int connection) {
        RawServer::read_head(connection);
        RawServer::write(connection, "HTTP/1.1 200 OK\r\n\r\n");
        while (RawServer::write(connection, std::string(65536, 'x'))) {
        }
    });
    Answer answer = answer_to(get(server.url("/")));
    EXPECT_EQ(answer.transport, Transport::lost);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.error, "answer is larger than 8388608 bytes");
}

TEST(Client, EndlessHeadersAreLost)
{
    RawServer server([](int connection) {
        RawServer::read_head(connection);
        RawServer::write(connection, "HTTP/1.1 200 OK\r\n");
        std::string header = "X-More: " + std::string(1000, 'x') + "\r\n";
        for (int i = 0; i < 20000 && RawServer::write(connection, header); i++) {
        }
        RawServer::write(connection, "\r\n");
    });
    EXPECT_EQ(answer_to(get(server.url("/"))).transport, Transport::lost);
}

TEST(Client, AnswerThatIsNoHttpIsLost)
{
    RawServer server([](int connection) {
        RawServer::read_head(connection);
        RawServer::write(connection, "220 smtp ready\r\n");
    });
    EXPECT_EQ(answer_to(get(server.url("/"))).transport, Transport::lost);
}

// Answers the first request on a connection and says nothing to the second.
void answer_one(int connection, std::atomic<int> &requests)
{
    for (int i = 0; i < 2 && !RawServer::read_head(connection).empty(); i++) {
        requests++;
        if (i == 0)
            RawServer::write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
}

TEST(Client, PostOnAKeptConnectionThatDiesIsLostAndNotSentAgain)
{
    std::atomic<int> requests = 0;
    RawServer server([&](int connection) { answer_one(connection, requests); });
    Client client(50, "test");
    EXPECT_EQ(answer_to(client, post(server.url("/"), "")).transport, Transport::answered);
    Answer answer = answer_to(client, post(server.url("/"), ""));
    EXPECT_EQ(answer.transport, Transport::lost);
    EXPECT_EQ(answer.error, "connection was closed before an answer came");
    EXPECT_EQ(requests, 2);
    EXPECT_EQ(answer_to(client, post(server.url("/"), "")).transport, Transport::answered);
}

TEST(Client, GetOnAKeptConnectionThatDiesIsSentOnceMore)
{
    std::atomic<int> requests = 0;
    RawServer server([&](int connection) { answer_one(connection, requests); });
    Client client(50, "test");
    EXPECT_EQ(answer_to(client, get(server.url("/"))).transport, Transport::answered);
    EXPECT_EQ(answer_to(client, get(server.url("/"))).transport, Transport::answered);
    EXPECT_EQ(requests, 3);
}

TEST(Client, GetThatDiesOnItsNewConnectionTooIsLost)
{
    std::atomic<int> requests = 0;
    RawServer server([&](int connection) {
        if (requests < 4)
            answer_one(connection, requests);
        else if (!RawServer::read_head(connection).empty())
            requests++;
    });
    Client client(50, "test");
    EXPECT_EQ(answer_to(client, get(server.url("/"))).transport, Transport::answered);
    EXPECT_EQ(answer_to(client, get(server.url("/"))).transport, Transport::answered);
    EXPECT_EQ(answer_to(client, get(server.url("/"))).transport, Transport::lost);
    EXPECT_EQ(requests, 5);
}

TEST(Client, ConnectionThatIsSaidToCloseIsNotUsedAgain)
{
    std::atomic<int> requests = 0;
    RawServer server([&](int connection) {
        RawServer::read_head(connection);
        requests++;
        RawServer::write(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        RawServer::wait_for_close(connection);
    });
    Client client(50, "test");
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(answer_to(client, post(server.url("/"), "")).transport, Transport::answered);
    EXPECT_EQ(requests, 3);
}

// The worst of servers: it keeps the connection, as far as it says, and closes it at once.
TEST(Client, NoRequestIsSentOnKeptConnectionsThatHaveClosed)
{
    constexpr int at_once = 200;
    std::counting_semaphore closed(0);
    std::atomic<int> requests = 0;
    RawServer server([&](int connection) {
        if (!RawServer::read_head(connection).empty())
            requests++;
        RawServer::write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        shutdown(connection, SHUT_RDWR);
        closed.release();
    });
    Client client(500, "test");
    for (int round = 1; round <= 2; round++) {
        EXPECT_EQ(answered(client, post(server.url("/"), ""), at_once), at_once);
        for (int i = 0; i < at_once; i++)
            closed.acquire();
        EXPECT_EQ(requests, round * at_once);
    }
    EXPECT_EQ(answer_to(client, post(server.url("/"), "")).transport, Transport::answered);
    EXPECT_EQ(server.connections(), 2 * at_once + 1);
}

// As with TLS, whose own farewell may come long before the end of the connection.
TEST(Client, NoRequestIsSentOnAKeptConnectionWithSomethingToRead)
{
    std::promise<void> idle;
    std::promise<void> told;
    std::atomic<int> requests = 0;
    RawServer server([&](int connection) {
        RawServer::read_head(connection);
        RawServer::write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        if (++requests > 1)
            return;
        idle.get_future().wait();
        RawServer::write(connection, "farewell");
        told.set_value();
        RawServer::wait_for_close(connection);
    });
    Client client(50, "test");
    EXPECT_EQ(answer_to(client, post(server.url("/"), "")).transport, Transport::answered);
    idle.set_value();
    told.get_future().wait();
    EXPECT_EQ(answer_to(client, post(server.url("/"), "")).transport, Transport::answered);
    EXPECT_EQ(server.connections(), 2);
}

TEST(Client, ConnectionsOfRequestsAtOnceAreKept)
{
    HttpServer http;
    std::mutex mutex;
    std::set<int> ports;
    http.server.Post("/", [&](const httplib::Request &request, httplib::Response &) {
        std::lock_guard lock(mutex);
        ports.insert(request.remote_port);
    });
    http.start();
    Client client(500, "test");
    for (int round = 0; round < 5; round++)
        EXPECT_EQ(answered(client, post(http.url("/"), ""), 40), 40);
    EXPECT_LE(ports.size(), 40u);
}

TEST(Client, RedirectIsAnAnswerAndNotFollowed)
{
    HttpServer http;
    std::atomic<bool> followed = false;
    http.server.Get("/", [](const httplib::Request &, httplib::Response &response) {
        response.set_redirect("/elsewhere", 307);
    });
    http.server.Get("/elsewhere", [&](const httplib::Request &, httplib::Response &) { followed = true; });
    http.start();
    EXPECT_EQ(answer_to(get(http.url("/"))).status, 307);
    EXPECT_FALSE(followed);
}

TEST(Client, ProxyOfTheEnvironmentIsIgnored)
{
    std::string nobody = "http://127.0.0.1:" + std::to_string(closed_port());
    Environment http_proxy("http_proxy", nobody);
    Environment all_proxy("ALL_PROXY", nobody);
    Environment no_proxy("no_proxy", "127.0.0.1");
    HttpServer http;
    http.server.Get("/", [](const httplib::Request &, httplib::Response &) {});
    http.start();
    EXPECT_EQ(answer_to(get(http.url("/"))).status, 200);
    // Neither does it name whom the proxy of the settings is not for.
    Request request = get(http.url("/"));
    request.route.proxy = nobody;
    EXPECT_EQ(answer_to(request).transport, Transport::not_sent);
}

TEST(Client, NetrcIsIgnored)
{
    char directory[] = "/tmp/videoroom-netrc-XXXXXX";
    ASSERT_NE(mkdtemp(directory), nullptr);
    std::ofstream(std::string(directory) + "/.netrc") << "machine 127.0.0.1 login a password b\n";
    Environment home("HOME", directory);
    HttpServer http;
    http.server.Get("/", [](const httplib::Request &request, httplib::Response &) {
        EXPECT_FALSE(request.has_header("Authorization"));
    });
    http.start();
    EXPECT_EQ(answer_to(get(http.url("/"))).status, 200);
    std::filesystem::remove_all(directory);
}

TEST(Client, ErrorNeverNamesTheSecret)
{
    RawServer server([](int connection) { RawServer::reset(connection); });
    for (const std::string &url : {server.url("/"), server.url("/", "https"), std::string("http://")}) {
        Request request = post(url, "a=b");
        request.user = "SK1";
        request.password = "hunter2";
        Answer answer = answer_to(request);
        EXPECT_NE(answer.transport, Transport::answered);
        EXPECT_EQ(answer.error.find("hunter2"), std::string::npos) << answer.error;
    }
}

TEST(Client, GoesAwayAtOnceWithRequestsInFlight)
{
    std::promise<void> arrived;
    std::promise<void> gone;
    RawServer server([&](int connection) {
        RawServer::read_head(connection);
        arrived.set_value();
        RawServer::wait_for_close(connection);
        gone.set_value();
    });
    auto client = std::make_unique<Client>(50, "test");
    client->start(get(server.url("/"), 60000));
    client->start(get("http://no-such-host.invalid/", 60000));
    auto seen = arrived.get_future();
    while (seen.wait_for(1ms) != std::future_status::ready)
        client->service();
    auto begun = Clock::now();
    client.reset();
    EXPECT_LT(Clock::now() - begun, 1s);
    EXPECT_EQ(gone.get_future().wait_for(5s), std::future_status::ready);
}

TEST(Client, IdleClientAsksForNothing)
{
    HttpServer http;
    http.server.Get("/", [](const httplib::Request &, httplib::Response &) {});
    http.start();
    Client client(50, "test");
    EXPECT_EQ(client.timeout_ms(), -1);
    answer_to(client, get(http.url("/")));
    client.service();
    EXPECT_TRUE(client.take_answers().empty());
    EXPECT_EQ(client.timeout_ms(), -1);
    pollfd waited = {client.descriptor(), POLLIN, 0};
    EXPECT_EQ(poll(&waited, 1, 100), 0);
}

TEST(Client, LeavesTheSignalMaskAsItWas)
{
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    answer_to(get("http://127.0.0.1:" + std::to_string(closed_port()) + "/"));
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int number : {SIGUSR1, SIGTERM, SIGALRM, SIGCHLD})
        EXPECT_EQ(sigismember(&before, number), sigismember(&after, number));
}

TEST(Client, RefusesOtherMethodsAndEndlessTime)
{
    Client client(50, "test");
    Request request = get("http://127.0.0.1/");
    request.method = "DELETE";
    EXPECT_THROW(client.start(request), std::invalid_argument);
    EXPECT_THROW(client.start(get("http://127.0.0.1/", 0)), std::invalid_argument);
}

}  // namespace
