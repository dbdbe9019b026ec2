#include "core/legacy_query.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/form.hpp"
#include "core/text.hpp"

namespace videoroom::core {
namespace {

using Values = std::vector<std::string>;
using Names = std::vector<std::pair<std::string, Values>>;

constexpr int most_pairs = 1000;  // querystring reads no more

std::string decode(std::string_view text)
{
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return replace_malformed(percent_decode_leniently(spaced));
}

// url_encode, but for what querystring leaves as it is.
std::string escape(std::string_view text)
{
    constexpr std::string_view kept = "!'()*";
    std::string result;
    for (char c : text)
        result += kept.find(c) == std::string_view::npos ? url_encode({&c, 1}) : std::string(1, c);
    return result;
}

// JavaScript objects list such keys first, by number: 0 to 2^32 - 2, written without leading zeroes.
std::optional<std::uint64_t> array_index(std::string_view name)
{
    if (name.empty() || name.size() > 10 || (name.size() > 1 && name[0] == '0'))
        return std::nullopt;
    std::uint64_t number = 0;
    for (char c : name) {
        if (c < '0' || c > '9')
            return std::nullopt;
        number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return number < 4294967295U ? std::optional(number) : std::nullopt;
}

bool listed_before(const Names::value_type &left, const Names::value_type &right)
{
    const auto left_index = array_index(left.first);
    const auto right_index = array_index(right.first);
    if (left_index && right_index)
        return *left_index < *right_index;
    return left_index.has_value() && !right_index.has_value();
}

Names parse(std::string_view query)
{
    Names names;
    for (int pairs = 0; !query.empty() && pairs < most_pairs; ++pairs) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        if (pair.empty())
            continue;
        const auto equals = pair.find('=');
        const std::string name = decode(pair.substr(0, equals));
        auto known =
            std::find_if(names.begin(), names.end(), [&](const auto &entry) { return entry.first == name; });
        if (known == names.end())
            known = names.insert(names.end(), {name, {}});
        known->second.push_back(equals == std::string_view::npos ? "" : decode(pair.substr(equals + 1)));
    }
    std::stable_sort(names.begin(), names.end(), listed_before);
    return names;
}

}  // namespace

std::string with_legacy_query(std::string_view url)
{
    const auto question = url.find('?');
    if (question == std::string_view::npos || question + 1 == url.size())
        return std::string(url);
    std::string query;
    for (const auto &[name, values] : parse(url.substr(question + 1)))
        for (const std::string &value : values)
            query += (query.empty() ? "" : "&") + escape(name) + '=' + escape(value);
    return std::string(url.substr(0, question + 1)) + query;
}

}  // namespace videoroom::core
