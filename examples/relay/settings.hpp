#pragma once

#include <optional>
#include <string>

struct Settings {
    std::string address = "127.0.0.1";
    int port = 8080;
    std::string path;                       // of the request, as it arrives here
    std::optional<std::string> public_url;  // that Twilio calls and signs
    int sessions = 8;                       // and database connections
};

// From the environment, then the arguments. Throws std::invalid_argument for what makes no sense; --help
// exits.
Settings read_settings(int argc, char **argv);
