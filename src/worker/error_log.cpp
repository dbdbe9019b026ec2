#include "worker/error_log.hpp"

namespace videoroom::worker {
namespace {

constexpr int quiet_lock_failures = 10;
constexpr TimestampTz quiet_time = 60 * USECS_PER_SEC;

}  // namespace

void ErrorLog::report(const pg::Error &error)
{
    const ErrorData *data = error.data();
    if (data->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE && ++lock_failures_ != quiet_lock_failures)
        return;
    TimestampTz now = GetCurrentTimestamp();
    if (last_ == data->message && !core::has_come(news_again_at_, now, quiet_time))
        return;
    last_ = data->message;
    news_again_at_ = now + quiet_time;
    pg::call([&] {
        ereport(LOG, errcode(data->sqlerrcode), errmsg("videoroom worker: %s", data->message),
                data->context ? errcontext("%s", data->context) : 0);
    });
}

}  // namespace videoroom::worker
