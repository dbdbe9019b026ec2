#include "core/signature.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/crypto.hpp"
#include "core/url.hpp"

namespace videoroom::core {
namespace {

// UTF-16 puts what lies beyond U+FFFF, in UTF-8 the bytes F0 to F4, before U+E000 to U+FFFF, the bytes EE and
// EF; else the orders are the same.
unsigned rank(char c) noexcept
{
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0xEE || byte == 0xEF)
        return byte + 0x20U;
    return byte;
}

bool before(std::string_view left, std::string_view right)
{
    const auto [a, b] = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
    return b != right.end() && (a == left.end() || rank(*a) < rank(*b));
}

std::string sign_text(std::string_view secret, const std::string &text, Hash hash)
{
    return base64(hash == Hash::sha1 ? hmac_sha1(secret, text) : hmac_sha256(secret, text));
}

}  // namespace

std::string signed_text(const Form &form)
{
    using Parameter = std::pair<std::string_view, std::string_view>;
    std::vector<Parameter> parameters(form.begin(), form.end());
    std::sort(parameters.begin(), parameters.end(), [](const Parameter &left, const Parameter &right) {
        return left.first == right.first ? before(left.second, right.second)
                                         : before(left.first, right.first);
    });
    parameters.erase(std::unique(parameters.begin(), parameters.end()), parameters.end());
    std::string text;
    for (const auto &[name, value] : parameters)
        text.append(name).append(value);
    return text;
}

std::string sign(std::string_view secret, std::string_view url, const Form &form, Hash hash)
{
    return sign_text(secret, std::string(url) + signed_text(form), hash);
}

bool signature_matches(std::string_view secret, std::string_view url, const Form &form,
                       std::string_view signature)
{
    constexpr std::size_t sha256_size = 44;  // of its 32 bytes in base64
    if (secret.empty() || signature.empty())
        return false;
    const Hash hash = signature.size() == sha256_size ? Hash::sha256 : Hash::sha1;
    const std::string parameters = signed_text(form);
    const auto matches = [&](const std::string &candidate) {
        return equal_constant_time(sign_text(secret, candidate + parameters, hash), signature);
    };

    const auto forms = port_forms(url);
    return forms && (matches(forms->front()) || matches(forms->back()));
}

}  // namespace videoroom::core
