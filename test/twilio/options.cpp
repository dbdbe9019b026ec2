#include "options.hpp"

#include <stdexcept>

namespace sim {

namespace {

std::int64_t number(const std::string &name, const std::string &text)
{
    std::size_t end = 0;
    std::int64_t value = -1;
    try {
        value = std::stoll(text, &end);
    } catch (const std::exception &) {
        end = 0;
    }
    if (end == 0 || end != text.size() || value < 0)
        throw std::invalid_argument(name + " must be a number, not \"" + text + "\"");
    return value;
}

bool take_flag(Options &options, const std::string &name)
{
    if (name == "--lenient")
        options.settings.strict = false;
    else if (name == "--no-rate-limit")
        options.settings.rate_limits = false;
    else if (name == "--help")
        options.help = true;
    else
        return false;
    return true;
}

void take(Options &options, const std::string &name, const std::string &value)
{
    if (name == "--host")
        options.host = value;
    else if (name == "--port")
        options.port = static_cast<int>(number(name, value));
    else if (name == "--threads")
        options.threads = static_cast<std::size_t>(number(name, value));
    else if (name == "--seed")
        options.seed = static_cast<std::uint64_t>(number(name, value));
    else if (name == "--latency-ms")
        options.settings.latency_ms = number(name, value);
    else if (name == "--account-sid")
        options.settings.account_sid = value;
    else if (name == "--auth-token")
        options.settings.auth_token = value;
    else if (name == "--api-key-sid")
        options.settings.api_key_sid = value;
    else if (name == "--api-key-secret")
        options.settings.api_key_secret = value;
    else
        throw std::invalid_argument("unknown option " + name);
}

}  // namespace

Options parse_options(int count, char **arguments)
{
    Options options;
    for (int i = 1; i < count; ++i) {
        std::string name = arguments[i];
        if (take_flag(options, name))
            continue;
        std::size_t equals = name.find('=');
        if (equals != std::string::npos)
            take(options, name.substr(0, equals), name.substr(equals + 1));
        else if (i + 1 < count)
            take(options, name, arguments[++i]);
        else
            throw std::invalid_argument("unknown option " + name + ", or its value is missing");
    }
    if (options.port > 65535)
        throw std::invalid_argument("--port must be 0 to 65535");
    if (options.threads == 0)
        throw std::invalid_argument("--threads must be at least 1");
    return options;
}

std::string usage()
{
    return "usage: twilio-simulator [options]\n"
           "  --host ADDRESS          listen here (127.0.0.1)\n"
           "  --port PORT             0 lets the kernel choose (0)\n"
           "  --account-sid SID       AC00000000000000000000000000000001\n"
           "  --auth-token TOKEN      0123456789abcdef0123456789abcdef\n"
           "  --api-key-sid SID       SK00000000000000000000000000000001\n"
           "  --api-key-secret TEXT   simulator-api-key-secret\n"
           "  --latency-ms N          every answer comes so much later (0)\n"
           "  --lenient               ignore unknown parameters, as Twilio does\n"
           "  --no-rate-limit         no 429\n"
           "  --threads N             connections served at once (512)\n"
           "  --seed N                the same SIDs and dice in every run\n";
}

}  // namespace sim
