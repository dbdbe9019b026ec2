#include "error.hpp"

namespace sim {

int http_status(const Settings &settings, std::int64_t code)
{
    if (auto chosen = settings.status_of.find(std::to_string(code)); chosen != settings.status_of.end())
        return static_cast<int>(chosen->second);
    switch (code) {
        case 20003:
            return 401;
        case 20404:
        case 53106:
        case 53204:
            return 404;
        case 20004:
            return 405;
        case 20429:
            return 429;
        case 20501:
            return 501;
        case 20503:
            return 503;
        default:
            return code >= 20101 && code <= 20199 ? 401 : 400;
    }
}

Json error_body(const Settings &settings, const ApiError &error)
{
    std::string link = "https://www.twilio.com/docs/errors/" + std::to_string(error.code());
    int status = http_status(settings, error.code());
    Json body = Json::object();
    if (settings.error_format == "problem")
        return body.set("type", link)
            .set("title", error.message())
            .set("status", status)
            .set("code", error.code());
    return body.set("code", error.code())
        .set("message", error.message())
        .set("more_info", link)
        .set("status", status);
}

}  // namespace sim
