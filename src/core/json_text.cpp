#include "core/json_text.hpp"

#include <algorithm>

namespace videoroom::core {

std::size_t skip_string(std::string_view json, std::size_t at)
{
    for (++at; at < json.size() && json[at] != '"'; ++at)
        if (json[at] == '\\')
            ++at;
    return std::min(json.size(), at + 1);
}

std::string without_numbers(std::string_view json)
{
    constexpr std::string_view digits = "0123456789";
    std::string result;
    for (std::size_t at = 0; at < json.size();) {
        std::size_t end = at + 1;
        if (json[at] == '"') {
            end = skip_string(json, at);
            result += json.substr(at, end - at);
        } else if (json[at] == '-' || digits.find(json[at]) != std::string_view::npos) {
            end = std::min(json.size(), json.find_first_not_of("0123456789.eE+-", at));
            result += '0';
        } else {
            result += json[at];
        }
        at = end;
    }
    return result;
}

}  // namespace videoroom::core
