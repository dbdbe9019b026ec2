#include "database.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace {

// Twilio gives up after 15 seconds, retries included (Webhooks: connection overrides).
constexpr const char *prepare_session = "SET statement_timeout = '5s'";
constexpr auto answer_patience = std::chrono::seconds(7);
constexpr std::size_t most_waiting = 5000;

constexpr const char *name = "callback";
constexpr const char *insert = "INSERT INTO videoroom.callback (body, signature, url) VALUES ($1, $2, $3)";
constexpr const char *ask_whether_writable = "SHOW transaction_read_only";

}  // namespace

void Session::start(Job job)
{
    job_ = std::move(job);
    kept_ = state_ == State::ready;
    limit_ = Clock::now() + answer_patience;
    if (kept_)
        ask();
    else
        connect();
}

pollfd Session::wanted() const
{
    // An idle session is watched, so that one which the server has closed is known to be.
    const bool open = connection_ != nullptr && PQsocket(connection_.get()) >= 0;
    return {open ? PQsocket(connection_.get()) : -1, events_, 0};
}

Clock::time_point Session::due() const
{
    return job_ ? std::min(limit_, job_->deadline) : Clock::time_point::max();
}

void Session::go_on(bool ready)
{
    if (job_ && Clock::now() >= due())
        return broken("no answer from the database in time");
    if (!ready)
        return;
    if (state_ == State::connecting)
        return after_connecting();
    if (PQconsumeInput(connection_.get()) == 0)
        return broken(PQerrorMessage(connection_.get()));
    if ((events_ & POLLOUT) != 0 && PQflush(connection_.get()) == 0)
        events_ = POLLIN;
    if (state_ != State::ready)
        take_results();
    else if (PQstatus(connection_.get()) == CONNECTION_BAD)
        close();
}

// A host that does not answer is given three seconds by the kernel: then libpq goes on to the next.
void Session::connect()
{
    constexpr std::array names = {"client_encoding", "tcp_user_timeout", "fallback_application_name",
                                  static_cast<const char *>(nullptr)};
    constexpr std::array values = {"UTF8", "3000", "videoroom-relay", static_cast<const char *>(nullptr)};
    connection_.reset(PQconnectStartParams(names.data(), values.data(), 0));
    if (connection_ == nullptr || PQstatus(connection_.get()) == CONNECTION_BAD)
        return broken(connection_ == nullptr ? "out of memory" : PQerrorMessage(connection_.get()));
    PQsetNoticeReceiver(
        connection_.get(), [](void *, const PGresult *) {}, nullptr);  // errors tell enough
    state_ = State::connecting;
    events_ = POLLOUT;
    limit_ = Clock::now() + answer_patience;
}

void Session::after_connecting()
{
    switch (PQconnectPoll(connection_.get())) {
        case PGRES_POLLING_READING:
            events_ = POLLIN;
            return;
        case PGRES_POLLING_WRITING:
            events_ = POLLOUT;
            return;
        case PGRES_POLLING_OK:
            PQsetnonblocking(connection_.get(), 1);
            limit_ = Clock::now() + answer_patience;
            return send(State::setting, PQsendQuery(connection_.get(), prepare_session) == 1);
        default:
            return broken(PQerrorMessage(connection_.get()));
    }
}

void Session::send(State next, bool sent)
{
    if (!sent)
        return broken(PQerrorMessage(connection_.get()));
    state_ = next;
    events_ = PQflush(connection_.get()) == 0 ? POLLIN : POLLIN | POLLOUT;
}

void Session::take_results()
{
    while (PQisBusy(connection_.get()) == 0) {
        PGresult *next = PQgetResult(connection_.get());
        if (next == nullptr)
            return step_done();
        result_.reset(next);
    }
}

void Session::step_done()
{
    if (state_ == State::asking)
        return judge();
    if (PQresultStatus(result_.get()) != PGRES_COMMAND_OK)
        return judge();
    if (state_ == State::setting)
        return send(State::preparing, PQsendPrepare(connection_.get(), name, insert, 0, nullptr) == 1);
    ask();
}

// Parameters travel in binary, that is with their lengths: a NUL must not cut a body short.
void Session::ask()
{
    if (job_->kind == Job::Kind::health)
        return send(State::asking, PQsendQueryParams(connection_.get(), ask_whether_writable, 0, nullptr,
                                                     nullptr, nullptr, nullptr, 0) == 1);
    std::vector<const char *> values;
    std::vector<int> lengths;
    for (const Text &parameter : job_->parameters) {
        values.push_back(parameter ? parameter->data() : nullptr);
        lengths.push_back(parameter ? static_cast<int>(parameter->size()) : 0);
    }
    const std::vector<int> formats(values.size(), 1);
    send(State::asking, PQsendQueryPrepared(connection_.get(), name, static_cast<int>(values.size()),
                                            values.data(), lengths.data(), formats.data(), 0) == 1);
}

void Session::judge()
{
    const ExecStatusType status = PQresultStatus(result_.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        const bool answered = status == PGRES_TUPLES_OK && PQntuples(result_.get()) == 1;
        if (answered && std::string_view(PQgetvalue(result_.get(), 0, 0)) == "on") {
            finish(503, "the server takes no writes: it is a standby, or read-only");
            return close();  // another of the hosts may
        }
        return finish(204, "");
    }
    const char *field = PQresultErrorField(result_.get(), PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result_.get(), PG_DIAG_MESSAGE_PRIMARY);
    if (field == nullptr || message == nullptr || PQstatus(connection_.get()) == CONNECTION_BAD)
        return broken(PQerrorMessage(connection_.get()));
    const std::string_view sqlstate = field;
    const std::string reason = std::string(sqlstate) + " " + message;
    if (sqlstate == "PT403")
        return finish(403, reason);
    if (sqlstate.starts_with("22"))  // 22023: not acceptable; 22021: not text at all
        return finish(400, reason);
    if (sqlstate == "26000")  // somebody in between has given the session away
        return broken(reason);
    finish(503, reason);
    close();
}

// A session that was kept may have been broken before it was used: then it is opened once more.
void Session::broken(const std::string &why)
{
    close();
    if (!job_)
        return;
    if (kept_ && !job_->repeated && Clock::now() < job_->deadline) {
        job_->repeated = true;
        return connect();
    }
    finish(503, why);
}

void Session::finish(int status, const std::string &reason)
{
    if (state_ != State::closed) {
        state_ = State::ready;
        events_ = POLLIN;
    }
    const Job job = std::exchange(job_, std::nullopt).value();
    job.done(status, reason);
}

void Session::close()
{
    result_.reset();
    connection_.reset();
    state_ = State::closed;
    events_ = 0;
}

void Database::submit(Job job)
{
    if (waiting_.size() >= most_waiting)
        return job.done(503, "too many callbacks wait for the database");
    job.deadline = Clock::now() + answer_patience;
    waiting_.push_back(std::move(job));
    deal_out();
}

bool Database::idle() const
{
    return waiting_.empty() && std::all_of(sessions_.begin(), sessions_.end(),
                                           [](const Session &session) { return session.idle(); });
}

void Database::add_wanted(std::vector<pollfd> &wanted) const
{
    for (const Session &session : sessions_)
        wanted.push_back(session.wanted());
}

Clock::time_point Database::due() const
{
    auto due = waiting_.empty() ? Clock::time_point::max() : waiting_.front().deadline;
    for (const Session &session : sessions_)
        due = std::min(due, session.due());
    return due;
}

void Database::go_on(const std::vector<pollfd> &polled, std::size_t first)
{
    for (std::size_t i = 0; i < sessions_.size(); i++)
        sessions_[i].go_on(polled[first + i].revents != 0);
    while (!waiting_.empty() && Clock::now() >= waiting_.front().deadline) {
        const Job late = std::move(waiting_.front());
        waiting_.pop_front();
        late.done(503, "no session of the database was free in time");
    }
    deal_out();
}

void Database::deal_out()
{
    for (bool again = true; again;) {
        again = false;
        for (Session &session : sessions_)
            if (!waiting_.empty() && session.idle()) {
                Job job = std::move(waiting_.front());
                waiting_.pop_front();
                session.start(std::move(job));
                again = again || session.idle();  // it has failed at once, so the next may have its turn
            }
    }
}

void Database::abandon()
{
    while (!waiting_.empty()) {
        const Job job = std::move(waiting_.front());
        waiting_.pop_front();
        job.done(503, "the relay ends");
    }
    for (Session &session : sessions_)
        session.abandon();
}

void Session::abandon()
{
    close();
    if (job_)
        finish(503, "the relay ends");
}
