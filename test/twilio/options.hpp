// The command line.
#pragma once

#include <cstdint>
#include <string>

#include "settings.hpp"

namespace sim {

struct Options {
    std::string host = "127.0.0.1";
    int port = 0;
    std::size_t threads = 512;  // each connection that is kept alive holds one
    std::uint64_t seed = 0;     // 0: another one each time
    bool help = false;
    Settings settings;
};

/// Throws std::invalid_argument that says what is wrong.
Options parse_options(int count, char **arguments);
std::string usage();

}  // namespace sim
