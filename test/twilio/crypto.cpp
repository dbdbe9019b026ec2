#include "crypto.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace sim {

namespace {

std::string hmac(const EVP_MD *digest, std::string_view key, std::string_view data)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned int length = 0;
    HMAC(digest, key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char *>(data.data()), data.size(), out.data(), &length);
    return std::string(reinterpret_cast<const char *>(out.data()), length);
}

}  // namespace

std::string hmac_sha1(std::string_view key, std::string_view data)
{
    return hmac(EVP_sha1(), key, data);
}

std::string hmac_sha256(std::string_view key, std::string_view data)
{
    return hmac(EVP_sha256(), key, data);
}

std::string base64(std::string_view bytes)
{
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    int length = EVP_EncodeBlock(reinterpret_cast<unsigned char *>(text.data()),
                                 reinterpret_cast<const unsigned char *>(bytes.data()),
                                 static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

std::optional<std::string> base64_decode(std::string_view text)
{
    if (text.size() % 4 != 0)
        return std::nullopt;
    std::string bytes(text.size() / 4 * 3 + 1, '\0');
    int length =
        EVP_DecodeBlock(reinterpret_cast<unsigned char *>(bytes.data()),
                        reinterpret_cast<const unsigned char *>(text.data()), static_cast<int>(text.size()));
    if (length < 0)
        return std::nullopt;
    bytes.resize(static_cast<std::size_t>(length));
    // EVP_DecodeBlock counts the padding as zero bytes
    for (std::size_t i = 0; i < 2 && text.size() > i && text[text.size() - 1 - i] == '='; ++i)
        bytes.pop_back();
    return bytes;
}

std::optional<std::string> base64url_decode(std::string_view text)
{
    std::string standard;
    for (char c : text) {
        if (c == '+' || c == '/' || c == '=')
            return std::nullopt;
        standard += c == '-' ? '+' : c == '_' ? '/' : c;
    }
    standard.append((4 - standard.size() % 4) % 4, '=');
    return base64_decode(standard);
}

std::string Random::hex(std::size_t digits)
{
    std::string text;
    std::lock_guard lock(mutex_);
    while (text.size() < digits)
        for (std::uint64_t bits = generator_(), i = 0; i < 16 && text.size() < digits; ++i, bits >>= 4)
            text += "0123456789abcdef"[bits & 15];
    return text;
}

std::string Random::uuid()
{
    std::string text = hex(32);
    for (std::size_t at : {8U, 13U, 18U, 23U})
        text.insert(at, 1, '-');
    return text;
}

std::uint64_t Random::below(std::uint64_t bound)
{
    std::lock_guard lock(mutex_);
    return bound == 0 ? 0 : std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(generator_);
}

}  // namespace sim
