#include "parameters.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "error.hpp"
#include "text_rules.hpp"

namespace sim {

namespace {

std::optional<std::int64_t> parse_integer(std::string_view text)
{
    std::int64_t value = 0;
    auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || problem != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

bool same_ignoring_case(std::string_view a, std::string_view b)
{
    auto bare = [](std::string_view text) {
        std::string letters;
        for (char c : text)
            if (c != '_' && c != '-')
                letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        return letters;
    };
    return bare(a) == bare(b);
}

std::string unknown_name(std::span<const Parameter> known, const std::string &name)
{
    for (const Parameter &parameter : known)
        if (same_ignoring_case(parameter.name, name))
            return "unknown parameter " + name + ", Twilio calls it " + std::string(parameter.name);
    return "unknown parameter " + name;
}

// what is wrong with the value, or an empty text
std::string complaint(const Parameter &parameter, const std::string &value)
{
    std::optional<Json> json;
    switch (parameter.kind) {
        case Kind::text:
            return "";
        case Kind::flag:
            return value == "true" || value == "false" ? "" : "must be true or false";
        case Kind::integer: {
            auto number = parse_integer(value);
            if (!number)
                return "must be an integer";
            return *number >= parameter.minimum && *number <= parameter.maximum ? "" : "is out of range";
        }
        case Kind::choice: {
            auto found = std::find(parameter.choices.begin(), parameter.choices.end(), value);
            return found != parameter.choices.end() ? "" : "is not one of Twilio's values";
        }
        case Kind::room_name:
            check_room_name(value);
            return "";
        case Kind::web_url:
            return parse_url(value) ? "" : "must be an absolute http or https URL";
        case Kind::json_array:
            json = Json::parse(value);
            return json && json->is_array() ? "" : "must be a JSON array";
        case Kind::json_object:
            json = Json::parse(value);
            return json && json->is_object() ? "" : "must be a JSON object";
        case Kind::date_time:
            return parse_date_time(value) ? "" : "must be YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ";
    }
    return "";
}

}  // namespace

std::string Given::text_or(std::string_view name, std::string_view otherwise) const
{
    return text(name).value_or(std::string(otherwise));
}

std::optional<std::int64_t> Given::integer(std::string_view name) const
{
    auto value = text(name);
    return value ? parse_integer(*value) : std::nullopt;
}

std::optional<Time> Given::time(std::string_view name) const
{
    auto value = text(name);
    return value ? parse_date_time(*value) : std::nullopt;
}

std::vector<std::string> Given::all(std::string_view name) const
{
    std::vector<std::string> values;
    for (const auto &pair : form_)
        if (pair.first == name)
            values.push_back(pair.second);
    return values;
}

Given check(std::span<const Parameter> known, const Form &form, bool strict,
            std::vector<std::string> &violations)
{
    std::optional<ApiError> first;
    auto violated = [&](const ApiError &error) {
        violations.push_back(error.message());
        if (!first)
            first = error;
    };
    std::vector<std::string_view> seen;
    for (const auto &pair : form) {
        const std::string &name = pair.first, &value = pair.second;
        auto parameter =
            std::find_if(known.begin(), known.end(), [&](const Parameter &one) { return one.name == name; });
        if (parameter == known.end()) {
            if (strict)
                violated({20001, unknown_name(known, name)});
            continue;
        }
        if (!parameter->repeatable && strict &&
            std::find(seen.begin(), seen.end(), parameter->name) != seen.end())
            violated({20001, "parameter " + name + " is given twice"});
        seen.push_back(parameter->name);
        try {
            std::string wrong = complaint(*parameter, value);
            if (!wrong.empty())
                violated({parameter->code, name + " " + wrong});
        } catch (const ApiError &error) {
            violated(error);
        }
    }
    for (const Parameter &parameter : known)
        if (parameter.required && std::find(seen.begin(), seen.end(), parameter.name) == seen.end())
            violated({20001, "missing parameter " + std::string(parameter.name)});
    if (first)
        throw *first;
    return Given(form);
}

}  // namespace sim
