#include "database.hpp"

#include <poll.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace {

using Clock = std::chrono::steady_clock;

// Twilio gives up after 15 seconds, retries included (Webhooks: connection overrides).
constexpr const char *connect_seconds = "3";
constexpr const char *prepare_session = "SET statement_timeout = '5s'";
constexpr auto patience = std::chrono::seconds(7);

}  // namespace

void Database::execute(const char *statement, const std::vector<Text> &parameters)
{
    bool kept = connection_ != nullptr;
    try {
        Result result = attempt(statement, parameters);
        if (kept && PQstatus(connection_.get()) == CONNECTION_BAD) {  // the server restarted meanwhile
            connection_.reset();
            result = attempt(statement, parameters);
        }
        judge(result.get());
    } catch (const Unavailable &) {
        connection_.reset();
        throw;
    }
}

Result Database::attempt(const char *statement, const std::vector<Text> &parameters)
{
    if (connection_ == nullptr)
        connect();
    return run(statement, parameters);
}

void Database::connect()
{
    const char *timeout = std::getenv("PGCONNECT_TIMEOUT");
    std::array names = {"connect_timeout", "client_encoding", "tcp_user_timeout", "fallback_application_name",
                        static_cast<const char *>(nullptr)};
    std::array values = {timeout != nullptr ? timeout : connect_seconds, "UTF8", "7000", "videoroom-relay",
                         static_cast<const char *>(nullptr)};
    connection_.reset(PQconnectdbParams(names.data(), values.data(), 0));
    PQsetNoticeReceiver(
        connection_.get(), [](void *, const PGresult *) {}, nullptr);  // errors tell enough
    if (PQstatus(connection_.get()) != CONNECTION_OK)
        throw Unavailable(PQerrorMessage(connection_.get()));
    judge(run(prepare_session, {}).get());
}

// Parameters travel in binary, that is with their lengths: a NUL must not cut a body short.
Result Database::run(const char *statement, const std::vector<Text> &parameters)
{
    constexpr Oid text_type = 25;
    std::vector<Oid> types(parameters.size(), text_type);
    std::vector<int> formats(parameters.size(), 1);
    std::vector<const char *> values;
    std::vector<int> lengths;
    for (const Text &parameter : parameters) {
        values.push_back(parameter ? parameter->data() : nullptr);
        lengths.push_back(parameter ? static_cast<int>(parameter->size()) : 0);
    }
    if (PQsendQueryParams(connection_.get(), statement, static_cast<int>(parameters.size()), types.data(),
                          values.data(), lengths.data(), formats.data(), 0) == 0)
        return nullptr;
    Result last;
    for (;;) {
        await();
        Result next(PQgetResult(connection_.get()));
        if (next == nullptr)
            return last;
        last = std::move(next);
    }
}

// Until the answer can be read without waiting; a server that has frozen must not keep the thread.
void Database::await()
{
    auto deadline = Clock::now() + patience;
    while (PQisBusy(connection_.get()) == 1) {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd waited = {PQsocket(connection_.get()), POLLIN, 0};
        if (left <= 0 || poll(&waited, 1, static_cast<int>(left)) == 0)
            throw Unavailable("no answer from the database in time");
        if (PQconsumeInput(connection_.get()) == 0)
            return;
    }
}

void Database::judge(const PGresult *result) const
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return;
    const char *field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (field == nullptr || message == nullptr)
        throw Unavailable(PQerrorMessage(connection_.get()));
    std::string_view sqlstate = field;
    std::string reason = std::string(sqlstate) + " " + message;
    if (sqlstate == "PT403")
        throw Refused(403, reason);
    if (sqlstate.starts_with("22"))  // 22023: not acceptable; 22021: not text at all
        throw Refused(400, reason);
    throw Unavailable(reason);
}
