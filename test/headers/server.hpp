// What most of src includes, to be parsed once for each version of the server.
#pragma once

#include <features.h>

// The packages' pg_config.h takes these two for the C library's, as they are from glibc 2.38 on.
#if !__GLIBC_PREREQ(2, 38)
extern "C" {
__SIZE_TYPE__ strlcpy(char *, const char *, __SIZE_TYPE__) noexcept;
__SIZE_TYPE__ strlcat(char *, const char *, __SIZE_TYPE__) noexcept;
}
#endif

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pg/guard.hpp"
#include "pg/postgres.hpp"
