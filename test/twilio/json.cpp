#include "json.hpp"

#include <cstdlib>
#include <memory>

namespace sim {

Json::Json(std::string_view text) : value_(json_stringn(text.data(), text.size()))
{
    if (value_ != nullptr)
        return;
    // not UTF-8: show the odd bytes instead of losing the value
    std::string readable;
    for (char c : text)
        readable += static_cast<unsigned char>(c) < 0x80 ? c : '?';
    value_ = json_stringn(readable.data(), readable.size());
}

std::optional<Json> Json::parse(std::string_view text, std::string *error)
{
    json_error_t problem;
    json_t *value = json_loadb(text.data(), text.size(), JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);
    if (value == nullptr) {
        if (error != nullptr)
            *error = problem.text;
        return std::nullopt;
    }
    return Json(value);
}

Json &Json::set(const std::string &key, const Json &value)
{
    json_object_set(value_, key.c_str(), value.value_);
    return *this;
}

Json &Json::append(const Json &value)
{
    json_array_append(value_, value.value_);
    return *this;
}

Json Json::get(const std::string &key) const
{
    json_t *member = json_object_get(value_, key.c_str());
    return member == nullptr ? Json() : Json(json_incref(member));
}

std::vector<std::string> Json::keys() const
{
    std::vector<std::string> names;
    for (void *at = json_object_iter(value_); at != nullptr; at = json_object_iter_next(value_, at))
        names.emplace_back(json_object_iter_key(at));
    return names;
}

std::vector<Json> Json::items() const
{
    std::vector<Json> values;
    for (std::size_t i = 0; i < json_array_size(value_); ++i)
        values.push_back(Json(json_incref(json_array_get(value_, i))));
    return values;
}

std::string Json::dump() const
{
    std::unique_ptr<char, decltype(&std::free)> text(json_dumps(value_, JSON_COMPACT | JSON_ENCODE_ANY),
                                                     &std::free);
    return text ? std::string(text.get()) : std::string("null");
}

}  // namespace sim
