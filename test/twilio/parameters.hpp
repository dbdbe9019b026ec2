// The parameters a Twilio operation takes, and the check of a request against them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "form.hpp"
#include "time.hpp"

namespace sim {

enum class Kind { text, flag, integer, choice, room_name, web_url, json_array, json_object, date_time };

/// One parameter as Twilio's OpenAPI file has it.
struct Parameter {
    std::string_view name;
    Kind kind = Kind::text;
    std::int64_t code = 20001;  // what a bad value is answered with
    std::vector<std::string_view> choices = {};
    std::int64_t minimum = std::numeric_limits<std::int64_t>::min();
    std::int64_t maximum = std::numeric_limits<std::int64_t>::max();
    bool required = false;
    bool repeatable = false;
};

/// What was given, after every value has been found to be of its kind and in its range.
class Given {
public:
    explicit Given(Form form) : form_(std::move(form)) {}

    std::optional<std::string> text(std::string_view name) const { return value_of(form_, name); }
    std::string text_or(std::string_view name, std::string_view otherwise) const;
    std::optional<std::int64_t> integer(std::string_view name) const;
    std::int64_t integer_or(std::string_view name, std::int64_t otherwise) const
    {
        return integer(name).value_or(otherwise);
    }
    bool flag(std::string_view name) const { return text(name) == "true"; }
    std::optional<Time> time(std::string_view name) const;
    std::vector<std::string> all(std::string_view name) const;

private:
    Form form_;
};

/// Checks a form or query. Whatever breaks the operation's description goes to `violations` and the first of
/// it is thrown as ApiError. Without `strict`, names that Twilio does not know are ignored, as Twilio does.
Given check(std::span<const Parameter> known, const Form &form, bool strict,
            std::vector<std::string> &violations);

}  // namespace sim
