// What the server does when it loads the library.
#include "api/refusal_log.hpp"
#include "pg/postgres.hpp"
#include "pg/settings.hpp"
#include "pg/shared_state.hpp"
#include "worker/ddl.hpp"
#include "worker/launcher.hpp"

extern "C" {

VIDEOROOM_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void)
{
    using namespace videoroom;

    pg::settings::define();
    if (!process_shared_preload_libraries_in_progress)
        return;
    pg::shared::reserve();
    api::log_refusals_sparingly();
    worker::watch_ddl();
    worker::register_launcher();
}

}  // extern "C"
