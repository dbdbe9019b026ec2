#include "settings.hpp"

#include <getopt.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace {

int number(const std::string &what, std::string_view text, int least, int most)
{
    int value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
        throw std::invalid_argument(what + " must be from " + std::to_string(least) + " to " +
                                    std::to_string(most));
    return value;
}

void set(Settings &settings, std::string_view name, const std::string &value)
{
    if (name == "address")
        settings.address = value;
    else if (name == "port")
        settings.port = number("port", value, 0, 65535);
    else if (name == "path")
        settings.path = value;
    else if (name == "public-url")
        settings.public_url = value;
    else
        settings.sessions = number("sessions", value, 1, 100);
}

// The path is the public URL's unless it is given: a proxy may have changed it.
void complete(Settings &settings)
{
    if (settings.public_url) {
        const std::string &url = *settings.public_url;
        bool web = url.starts_with("https://") || url.starts_with("http://");
        if (!web || url.find_first_of("?#@ ") != std::string::npos)
            throw std::invalid_argument(
                "public-url must be an http or https URL without user, query and fragment");
        std::size_t slash = url.find('/', url.find("//") + 2);
        if (settings.path.empty())
            settings.path = slash == std::string::npos ? "/" : url.substr(slash);
    }
    if (settings.path.empty())
        settings.path = "/twilio";
    if (!settings.path.starts_with("/") || settings.path == "/healthz")
        throw std::invalid_argument("path must begin with a slash, and not be /healthz");
}

constexpr const char *usage =
    "usage: relay [--address 127.0.0.1] [--port 8080] [--path /twilio] [--public-url URL] [--sessions 8]\n"
    "The environment gives the same: RELAY_ADDRESS, RELAY_PORT, RELAY_PATH, RELAY_PUBLIC_URL, "
    "RELAY_SESSIONS.\n"
    "Port 0 is a free one. The database is libpq's: PGHOST, PGDATABASE, PGUSER, PGSERVICE and so on.\n";

}  // namespace

Settings read_settings(int argc, char **argv)
{
    constexpr std::array variables = {"RELAY_ADDRESS", "RELAY_PORT", "RELAY_PATH", "RELAY_PUBLIC_URL",
                                      "RELAY_SESSIONS"};
    const std::array<option, 7> options = {{{"address", required_argument, nullptr, 'o'},
                                            {"port", required_argument, nullptr, 'o'},
                                            {"path", required_argument, nullptr, 'o'},
                                            {"public-url", required_argument, nullptr, 'o'},
                                            {"sessions", required_argument, nullptr, 'o'},
                                            {"help", no_argument, nullptr, 'h'},
                                            {nullptr, 0, nullptr, 0}}};
    Settings settings;
    for (std::size_t i = 0; i < variables.size(); i++)
        if (const char *value = std::getenv(variables.at(i)); value != nullptr && *value != '\0')
            set(settings, options.at(i).name, value);
    int index = 0;
    for (int found; (found = getopt_long(argc, argv, "h", options.data(), &index)) != -1;) {
        if (found != 'o') {
            std::fputs(usage, found == 'h' ? stdout : stderr);
            std::exit(found == 'h' ? EXIT_SUCCESS : 2);
        }
        set(settings, options.at(static_cast<std::size_t>(index)).name, optarg);
    }
    if (optind < argc)
        throw std::invalid_argument("too many arguments");
    complete(settings);
    return settings;
}
