#include "api/preload.hpp"

#include "pg/guard.hpp"

namespace videoroom::api {

std::string preload_line()
{
    std::string libraries =
        pg::call([] { return GetConfigOption("shared_preload_libraries", false, false); });
    return "Add to postgresql.conf and restart: shared_preload_libraries = '" +
           (libraries.empty() ? "" : libraries + ", ") + "videoroom'";
}

}  // namespace videoroom::api
