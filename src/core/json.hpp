#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct json_t;

namespace videoroom::core {

// A JSON value. Copies share the value. Hides jansson, whose header cannot be in one file with the server's.
class Json {
public:
    // One whole JSON text, no duplicate keys, no NUL; InvalidInput says where it is wrong, not what is there,
    // since the text may hold secrets.
    static Json parse(std::string_view text);
    static std::optional<Json> try_parse(std::string_view text);

    // A string as JSON has it.
    static std::string quoted(std::string_view text);

    static Json object();

    // Objects only; strings must be UTF-8 without NUL, else InvalidInput. An existing key keeps its place.
    void set(std::string_view key, std::string_view value);
    void set(std::string_view key, const char *value) { set(key, std::string_view(value)); }
    void set(std::string_view key, std::int64_t value);
    void set(std::string_view key, int value) { set(key, std::int64_t{value}); }

    bool is_object() const noexcept;
    bool is_array() const noexcept;
    bool is_null() const noexcept;

    // The value itself; nullopt if it is of another type.
    std::optional<std::string> as_string() const;
    std::optional<std::int64_t> as_integer() const;
    std::optional<bool> as_boolean() const;

    // A member of an object; nullopt if there is none, or it is of another type, or this is no object.
    std::optional<Json> get(std::string_view key) const;
    std::optional<std::string> string(std::string_view key) const;
    std::optional<std::int64_t> integer(std::string_view key) const;

    std::vector<Json> items() const;        // elements of an array, else none
    std::vector<std::string> keys() const;  // keys of an object in their order, else none

    // Compact text, keys in the order in which they were set.
    std::string dump() const;

private:
    explicit Json(json_t *owned);
    void set_owned(std::string_view key, json_t *owned);

    std::shared_ptr<json_t> value_;
};

}  // namespace videoroom::core
