#include "api/refusal.hpp"

namespace videoroom::api {
namespace {

core::Json reason_of(const Refusal &refusal)
{
    core::Json detail = core::Json::object();
    detail.set("reason", refusal.reason);
    return detail;
}

[[noreturn]] void raise(const Refusal &refusal, const core::Json &detail)
{
    throw Refused(refusal, detail.dump());
}

}  // namespace

void refuse(const Refusal &refusal)
{
    raise(refusal, reason_of(refusal));
}

void refuse(const Refusal &refusal, std::string_view key, std::string_view value)
{
    core::Json detail = reason_of(refusal);
    detail.set(key, value);
    raise(refusal, detail);
}

}  // namespace videoroom::api
