// The database behind the relay: a few sessions that nobody waits for.
#pragma once

#include <libpq-fe.h>
#include <poll.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using Clock = std::chrono::steady_clock;
using Text = std::optional<std::string>;

// What is asked of the database, in a transaction of its own. It must stand being asked twice.
struct Job {
    enum class Kind { insert, health };

    Kind kind;
    std::vector<Text> parameters;
    // Called once, with an HTTP status and, but for 204, why: SQLSTATE and message.
    std::function<void(int status, const std::string &reason)> done;
    Clock::time_point deadline;  // an answer is of no use after it
    bool repeated = false;
};

// One session: opened when it is needed, and again when it is broken. Where to is libpq's affair.
class Session {
public:
    Session() = default;
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    bool idle() const { return !job_; }
    void start(Job job);

    // What to wait for; a negative descriptor: for the moment alone.
    pollfd wanted() const;
    Clock::time_point due() const;

    void abandon();  // what it was asked is answered 503

    // Goes on as far as it can without waiting. `ready`: the descriptor is.
    void go_on(bool ready);

private:
    enum class State { closed, connecting, setting, preparing, ready, asking };

    void connect();
    void after_connecting();
    void send(State next, bool sent);
    void take_results();
    void step_done();
    void ask();
    void judge();
    void broken(const std::string &why);
    void finish(int status, const std::string &reason);
    void close();

    struct FreeResult {
        void operator()(PGresult *result) const { PQclear(result); }
    };
    struct FreeConnection {
        void operator()(PGconn *connection) const { PQfinish(connection); }
    };

    State state_ = State::closed;
    std::unique_ptr<PGconn, FreeConnection> connection_;
    std::unique_ptr<PGresult, FreeResult> result_;  // the last one of the statement under way
    std::optional<Job> job_;
    short events_ = 0;         // what the descriptor is waited for
    Clock::time_point limit_;  // of the connection attempt, or of the statement
    bool kept_ = false;        // was open before the job came: the server may have restarted since
};

// So many sessions, and jobs that wait for one of them in the order in which they came.
class Database {
public:
    explicit Database(std::size_t sessions) : sessions_(sessions) {}

    void submit(Job job);
    bool idle() const;  // nothing is asked and nothing waits

    void add_wanted(std::vector<pollfd> &wanted) const;
    Clock::time_point due() const;

    // With what poll() said of what add_wanted() added, from `first` on.
    void go_on(const std::vector<pollfd> &polled, std::size_t first);

    void abandon();

private:
    void deal_out();

    std::vector<Session> sessions_;
    std::deque<Job> waiting_;
};
