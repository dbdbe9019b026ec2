// The arguments of one call, checked as they are read: what cannot be used is InvalidInput naming the
// argument.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg/guard.hpp"

namespace videoroom::api {

class Arguments {
public:
    explicit Arguments(FunctionCallInfo call) noexcept : call_(call) {}

    // Arguments count from 0.
    bool given(int index) const noexcept { return !call_->args[index].isnull; }

    std::string text(int index, const char *name) const;
    std::optional<std::string> optional_text(int index) const;

    // One of our ids: see core::check_id.
    std::string id(int index, const char *name) const;

    // A moment, not an infinity.
    TimestampTz time(int index, const char *name) const;

    // A value of any type.
    Datum datum(int index, const char *name) const;

    // 1 to 1000 user ids, as they come.
    std::vector<std::string> users(int index, const char *name) const;

private:
    FunctionCallInfo call_;
};

// How many participants a room may have.
constexpr std::size_t most_participants = 1000;

// InvalidInput unless there are 1 to 1000.
void check_participant_count(std::size_t count);

}  // namespace videoroom::api
