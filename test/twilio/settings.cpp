#include "settings.hpp"

#include <algorithm>
#include <vector>

namespace sim {

namespace {

#define FIELD(name) visit(#name, settings.name)

template <class Any, class Visitor>
void for_each_setting(Any &settings, Visitor &&visit)
{
    FIELD(account_sid), FIELD(auth_token), FIELD(api_key_sid), FIELD(api_key_secret),
        FIELD(credentials_valid);
    FIELD(strict), FIELD(latency_ms), FIELD(rate_limits), FIELD(reads_per_second), FIELD(writes_per_second);
    FIELD(retry_after_seconds), FIELD(error_format), FIELD(status_of), FIELD(url_base);
    FIELD(room_type_default), FIELD(max_participants_default), FIELD(clamp_max_participants);
    FIELD(media_region_default), FIELD(max_rooms), FIELD(max_connected), FIELD(room_not_found_code);
    FIELD(not_in_progress_code), FIELD(missing_after_creation_ms), FIELD(missing_after_completion_ms);
    FIELD(print_open_end), FIELD(ad_hoc_rooms), FIELD(ad_hoc_status_callback), FIELD(default_status_callback);
    FIELD(participant_not_found_code), FIELD(remove_twice_is_fine), FIELD(join_ended_code);
    FIELD(late_disconnect_seconds), FIELD(lost_shows_reconnecting), FIELD(token_leeway_seconds);
    FIELD(token_expiry_disconnects), FIELD(strict_jti);
    FIELD(callback_order), FIELD(callback_shuffle_ms), FIELD(callback_delay_ms), FIELD(callback_drop_percent);
    FIELD(callback_duplicate_percent), FIELD(callback_drop_events), FIELD(callback_signed_url);
    FIELD(callback_sequence), FIELD(callback_extra), FIELD(callback_room_type), FIELD(callback_underscores);
    FIELD(callback_redirects), FIELD(ledger_limit);
}

#undef FIELD

bool assign(bool &field, const Json &value)
{
    field = value.boolean();
    return value.is_boolean();
}

bool assign(std::int64_t &field, const Json &value)
{
    field = value.integer();
    return value.is_integer() && field >= 0;
}

bool assign(std::string &field, const Json &value)
{
    field = value.text();
    return value.is_string();
}

bool assign(std::map<std::string, std::int64_t> &field, const Json &value)
{
    field.clear();
    for (const std::string &key : value.keys()) {
        field[key] = value.get(key).integer();
        if (field[key] < 400 || field[key] > 599)
            return false;
    }
    return value.is_object();
}

Json to_json(const std::map<std::string, std::int64_t> &field)
{
    Json object = Json::object();
    for (const auto &[key, value] : field)
        object.set(key, value);
    return object;
}

template <class Value>
Json to_json(const Value &field)
{
    return Json(field);
}

std::string unknown_word(const Settings &settings)
{
    auto one_of = [](const std::string &word, std::initializer_list<std::string_view> words) {
        return std::find(words.begin(), words.end(), word) != words.end();
    };
    if (!one_of(settings.error_format, {"classic", "problem"}))
        return "error_format";
    if (!one_of(settings.room_type_default, {"group", "go", "peer-to-peer", "group-small"}))
        return "room_type_default";
    if (!one_of(settings.callback_order, {"in_order", "shuffled", "held"}))
        return "callback_order";
    if (!one_of(settings.callback_signed_url, {"as_is", "without_port", "with_port"}))
        return "callback_signed_url";
    return one_of(settings.callback_sequence, {"counted", "random"}) ? "" : "callback_sequence";
}

}  // namespace

std::shared_ptr<const Settings> SettingsStore::get() const
{
    std::lock_guard lock(mutex_);
    return current_;
}

std::string SettingsStore::change(const Json &change)
{
    if (!change.is_object())
        return "settings must be a JSON object";
    std::lock_guard lock(mutex_);
    auto next = std::make_shared<Settings>(*current_);
    std::vector<std::string> unknown = change.keys();
    std::string wrong;
    for_each_setting(*next, [&](const std::string &name, auto &field) {
        if (std::erase(unknown, name) != 0 && !assign(field, change.get(name)))
            wrong = name;
    });
    if (!unknown.empty())
        return "unknown setting: " + unknown.front();
    if (wrong.empty())
        wrong = unknown_word(*next);
    if (!wrong.empty())
        return "bad value for setting: " + wrong;
    current_ = next;
    return "";
}

void SettingsStore::reset()
{
    std::lock_guard lock(mutex_);
    current_ = std::make_shared<const Settings>(initial_);
}

Json SettingsStore::json() const
{
    auto settings = get();
    Json object = Json::object();
    for_each_setting(*settings,
                     [&](const std::string &name, const auto &field) { object.set(name, to_json(field)); });
    return object;
}

}  // namespace sim
