// A refusal in Twilio's words.
#pragma once

#include <exception>
#include <string>

#include "json.hpp"
#include "settings.hpp"

namespace sim {

/// Thrown by whatever refuses a request; the HTTP status follows from the code.
class ApiError : public std::exception {
public:
    ApiError(std::int64_t code, std::string message) : code_(code), message_(std::move(message)) {}

    std::int64_t code() const { return code_; }
    const std::string &message() const { return message_; }
    const char *what() const noexcept override { return message_.c_str(); }

private:
    std::int64_t code_;
    std::string message_;
};

/// Twilio publishes no HTTP status for the 53xxx codes: 404 for what is not there, 400 for the rest, unless
/// settings.status_of says otherwise.
int http_status(const Settings &settings, std::int64_t code);

/// Twilio: {"code", "message", "more_info", "status"}, or RFC 9457's members with error_format = problem.
Json error_body(const Settings &settings, const ApiError &error);

}  // namespace sim
