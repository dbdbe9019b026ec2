#include "control_input.hpp"

#include <algorithm>
#include <stdexcept>

namespace sim {

void refuse(const std::string &what)
{
    throw std::invalid_argument(what);
}

std::int64_t number_of(const Form &query, const std::string &name)
{
    std::string text = value_of(query, name).value_or("0");
    try {
        return std::stoll(text);
    } catch (const std::exception &) {
        refuse(name + " must be a number");
    }
}

void known_members(const Json &given, std::initializer_list<std::string_view> known)
{
    for (const std::string &name : given.keys())
        if (std::find(known.begin(), known.end(), name) == known.end())
            refuse("unknown member: " + name);
}

std::string required_text(const Json &given, const std::string &name)
{
    if (!given.get(name).is_string())
        refuse("missing or not a string: " + name);
    return given.get(name).text();
}

}  // namespace sim
