#pragma once

#include <string>

namespace videoroom::api {

// The very line that preloads the library, in words.
std::string preload_line();

}  // namespace videoroom::api
