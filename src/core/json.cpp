#include "core/json.hpp"

#include <jansson.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "core/error.hpp"

// Objects are made with json_pack, never with json_object(): the server exports a function of that
// name, which would be called instead.
namespace videoroom::core {
namespace {

struct FreeText {
    void operator()(char *text) const noexcept { std::free(text); }
};

json_t *load(std::string_view text, json_error_t *error)
{
    return json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, error);
}

json_t *made(json_t *value)
{
    if (value == nullptr)
        throw std::bad_alloc();
    return value;
}

json_t *make_string(std::string_view text)
{
    // jansson refuses what is not UTF-8, but would take NUL here and not when reading it back.
    json_t *value =
        text.find('\0') == std::string_view::npos ? json_stringn(text.data(), text.size()) : nullptr;
    if (value == nullptr)
        throw InvalidInput("text for JSON is not valid UTF-8");
    return value;
}

}  // namespace

Json::Json(json_t *owned) : value_(made(owned), [](json_t *value) { json_decref(value); }) {}

Json Json::parse(std::string_view text)
{
    json_error_t error;
    json_t *value = load(text, &error);
    if (value == nullptr) {
        const char *reason = json_error_code(&error) == json_error_duplicate_key
                                 ? "a key is there twice, at line "
                                 : "the error is at line ";
        throw InvalidInput("invalid JSON",
                           reason + std::to_string(error.line) + ", column " + std::to_string(error.column));
    }
    return Json(value);
}

std::optional<Json> Json::try_parse(std::string_view text)
{
    json_error_t error;
    json_t *value = load(text, &error);
    if (value == nullptr)
        return std::nullopt;
    return Json(value);
}

Json Json::object()
{
    return Json(json_pack("{}"));
}

void Json::set_owned(std::string_view key, json_t *owned)
{
    made(owned);
    // The key is copied for its NUL: json_object_setn_new came with jansson 2.14 only.
    if (key.find('\0') != std::string_view::npos) {
        json_decref(owned);
        throw InvalidInput("key for JSON contains a NUL character");
    }
    if (json_object_set_new(value_.get(), std::string(key).c_str(), owned) != 0)
        throw InvalidInput("key for JSON is not valid UTF-8");
}

void Json::set(std::string_view key, std::string_view value)
{
    set_owned(key, make_string(value));
}

void Json::set(std::string_view key, std::int64_t value)
{
    set_owned(key, json_integer(value));
}

bool Json::is_object() const noexcept
{
    return json_is_object(value_.get());
}
bool Json::is_array() const noexcept
{
    return json_is_array(value_.get());
}
bool Json::is_null() const noexcept
{
    return json_is_null(value_.get());
}

std::optional<std::string> Json::as_string() const
{
    if (!json_is_string(value_.get()))
        return std::nullopt;
    return std::string(json_string_value(value_.get()), json_string_length(value_.get()));
}

std::optional<std::int64_t> Json::as_integer() const
{
    if (!json_is_integer(value_.get()))
        return std::nullopt;
    return json_integer_value(value_.get());
}

std::optional<bool> Json::as_boolean() const
{
    if (!json_is_boolean(value_.get()))
        return std::nullopt;
    return json_is_true(value_.get());
}

std::optional<Json> Json::get(std::string_view key) const
{
    json_t *member = json_object_get(value_.get(), std::string(key).c_str());
    if (member == nullptr)
        return std::nullopt;
    return Json(json_incref(member));
}

std::optional<std::string> Json::string(std::string_view key) const
{
    const auto member = get(key);
    return member ? member->as_string() : std::nullopt;
}

std::optional<std::int64_t> Json::integer(std::string_view key) const
{
    const auto member = get(key);
    return member ? member->as_integer() : std::nullopt;
}

std::vector<Json> Json::items() const
{
    std::vector<Json> result;
    const std::size_t count = json_array_size(value_.get());
    result.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        result.push_back(Json(json_incref(json_array_get(value_.get(), i))));
    return result;
}

std::vector<std::string> Json::keys() const
{
    std::vector<std::string> result;
    for (void *at = json_object_iter(value_.get()); at != nullptr;
         at = json_object_iter_next(value_.get(), at))
        result.emplace_back(json_object_iter_key(at));
    return result;
}

std::string Json::quoted(std::string_view text)
{
    auto is_plain = [](unsigned char byte) {
        return byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';
    };
    if (std::all_of(text.begin(), text.end(), is_plain))
        return '"' + std::string(text) + '"';
    return Json(make_string(text)).dump();
}

std::string Json::dump() const
{
    const std::unique_ptr<char, FreeText> text(json_dumps(value_.get(), JSON_COMPACT | JSON_ENCODE_ANY));
    if (!text)
        throw std::bad_alloc();
    return text.get();
}

}  // namespace videoroom::core
