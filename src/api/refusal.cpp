#include "api/refusal.hpp"

namespace videoroom::api {

void refuse(const Refusal &refusal, std::string_view key, std::string_view value)
{
    core::Json detail = core::Json::object();
    detail.set("reason", refusal.reason);
    if (!key.empty())
        detail.set(key, value);
    throw Refused(refusal, detail.dump());
}

}  // namespace videoroom::api
