#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace videoroom::core {

// The caller gave something that cannot be used. Becomes SQLSTATE 22023 at the wall, with detail and hint
// where they are not empty. No text in it ever holds a secret.
class InvalidInput : public std::invalid_argument {
public:
    explicit InvalidInput(const std::string &message, std::string detail = {}, std::string hint = {})
        : std::invalid_argument(message), detail_(std::move(detail)), hint_(std::move(hint))
    {
    }

    const std::string &detail() const noexcept { return detail_; }
    const std::string &hint() const noexcept { return hint_; }

private:
    std::string detail_;
    std::string hint_;
};

}  // namespace videoroom::core
