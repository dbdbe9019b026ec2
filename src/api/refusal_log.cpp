#include "api/refusal_log.hpp"

#include <cstring>

#include "api/refusal.hpp"
#include "pg/stats.hpp"

namespace videoroom::api {
namespace {

emit_log_hook_type next_hook = nullptr;

bool is_refused_callback(const ErrorData *error)
{
    return error->sqlerrcode == refusal::forbidden && error->message &&
           strcmp(error->message, refusal::forged.message) == 0;
}

// Raises nothing: it runs while an error is being reported.
void thin_out(ErrorData *error)
{
    pg::stats::Stats *stats = pg::stats::own();
    if (!stats)
        return;
    pg::stats::Callbacks &callbacks = stats->callbacks;
    auto now = static_cast<uint64>(GetCurrentTimestamp());
    uint64 told_at = pg_atomic_read_u64(&callbacks.forged_told_at);
    uint64 forged = pg_atomic_read_u64(&callbacks.forged);
    bool quiet = now - told_at < static_cast<uint64>(USECS_PER_MINUTE);
    // Whoever comes first in a minute tells.
    if (quiet || !pg_atomic_compare_exchange_u64(&callbacks.forged_told_at, &told_at, now)) {
        error->output_to_server = false;
        return;
    }
    uint64 more = forged - pg_atomic_exchange_u64(&callbacks.forged_told, forged);
    if (more > 1)
        error->detail_log = psprintf("%s Since the last line like this " UINT64_FORMAT " were refused.",
                                     error->detail ? error->detail : "", more);
}

void on_log(ErrorData *error)
{
    if (error->output_to_server && is_refused_callback(error))
        thin_out(error);
    if (next_hook)
        next_hook(error);
}

}  // namespace

void log_refusals_sparingly()
{
    next_hook = emit_log_hook;
    emit_log_hook = on_log;
}

}  // namespace videoroom::api
