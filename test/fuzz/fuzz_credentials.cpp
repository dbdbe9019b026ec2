// Credentials files: what is read keeps to the rules, and no error shows what stood in the file.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "core/credentials.hpp"
#include "core/error.hpp"
#include "core/video_api.hpp"

using namespace videoroom::core;

namespace {

constexpr std::string_view secret = "S3CRET-S3CRET";

void check_file(const std::string &text)
{
    try {
        const Credentials credentials = parse_credentials(text);
        check(is_sid("AC", credentials.account_sid) && is_sid("SK", credentials.api_key_sid));
        check(!credentials.auth_token.empty() && !credentials.api_key_secret.empty());
    } catch (const InvalidInput &error) {
        check((error.what() + error.detail() + error.hint()).find(secret) == std::string::npos);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string text(reinterpret_cast<const char *>(data), size);
    check_file(text);
    const std::string half = text.substr(0, size / 2);
    check_file(half + std::string(secret) + text.substr(size / 2));
    check_file(R"({"auth_token":")" + std::string(secret) + "\"" + text);
    return 0;
}
