#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using Text = std::optional<std::string>;

// The database did not take it and may take it later.
struct Unavailable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The database refuses it, now and for ever.
struct Refused : std::runtime_error {
    Refused(int http_status, const std::string &reason) : std::runtime_error(reason), status(http_status) {}
    int status;
};

struct FreeResult {
    void operator()(PGresult *result) const { PQclear(result); }
};
struct FreeConnection {
    void operator()(PGconn *connection) const { PQfinish(connection); }
};
using Result = std::unique_ptr<PGresult, FreeResult>;

// One thread's connection: opened when it is needed, and again when it is broken. Where to is libpq's affair.
class Database {
public:
    // Runs one statement in a transaction of its own; a parameter that is not there is NULL. Throws Refused
    // or Unavailable, in seconds at the most. The statement must stand being run twice.
    void execute(const char *statement, const std::vector<Text> &parameters = {});

private:
    Result attempt(const char *statement, const std::vector<Text> &parameters);
    void connect();
    Result run(const char *statement, const std::vector<Text> &parameters);
    void await();
    void judge(const PGresult *result) const;

    std::unique_ptr<PGconn, FreeConnection> connection_;
};
