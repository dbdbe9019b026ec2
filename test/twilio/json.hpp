// A value handle over jansson, so that nobody counts references by hand.
#pragma once

#include <jansson.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sim {

class Json {
public:
    Json() : value_(json_null()) {}
    Json(const char *text) : Json(std::string_view(text)) {}
    Json(std::string_view text);
    Json(const std::string &text) : Json(std::string_view(text)) {}
    Json(bool flag) : value_(json_boolean(flag)) {}
    Json(std::integral auto number) : value_(json_integer(static_cast<json_int_t>(number))) {}
    template <class Value>
    Json(const std::optional<Value> &value) : Json(value ? Json(*value) : Json())
    {
    }
    Json(const Json &other) : value_(json_incref(other.value_)) {}
    Json(Json &&other) noexcept : value_(std::exchange(other.value_, json_null())) {}
    Json &operator=(Json other) noexcept
    {
        std::swap(value_, other.value_);
        return *this;
    }
    ~Json() { json_decref(value_); }

    static Json object() { return Json(json_pack("{}")); }
    static Json array() { return Json(json_array()); }
    /// Nothing when the text is not JSON; the parser's words go to *error.
    static std::optional<Json> parse(std::string_view text, std::string *error = nullptr);

    Json &set(const std::string &key, const Json &value);
    Json &append(const Json &value);

    bool is_object() const { return json_is_object(value_); }
    bool is_array() const { return json_is_array(value_); }
    bool is_string() const { return json_is_string(value_); }
    bool is_integer() const { return json_is_integer(value_); }
    bool is_number() const { return json_is_number(value_); }
    bool is_boolean() const { return json_is_boolean(value_); }
    bool is_null() const { return json_is_null(value_); }

    bool has(const std::string &key) const { return json_object_get(value_, key.c_str()) != nullptr; }
    /// null when there is no such member
    Json get(const std::string &key) const;
    std::vector<std::string> keys() const;
    std::vector<Json> items() const;

    std::string text() const
    {
        return is_string() ? std::string(json_string_value(value_), json_string_length(value_)) : "";
    }
    std::int64_t integer() const { return json_integer_value(value_); }
    double number() const { return json_number_value(value_); }
    bool boolean() const { return json_is_true(value_); }

    std::string dump() const;

private:
    explicit Json(json_t *owned) : value_(owned) {}
    json_t *value_;
};

}  // namespace sim
