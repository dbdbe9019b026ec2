#include "core/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <stdexcept>

namespace videoroom::core {
namespace {

const unsigned char *bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char *>(text.empty() ? "" : text.data());
}

std::string hmac(const EVP_MD *hash, std::string_view key, std::string_view text)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> code;
    unsigned int size = 0;
    if (HMAC(hash, bytes_of(key), static_cast<int>(key.size()), bytes_of(text), text.size(), code.data(),
             &size) == nullptr)
        throw std::runtime_error("could not compute an HMAC: the hash is not available in this OpenSSL");
    return {reinterpret_cast<const char *>(code.data()), size};
}

}  // namespace

std::array<unsigned char, 32> sha256(std::string_view text)
{
    std::array<unsigned char, 32> digest;
    if (EVP_Digest(bytes_of(text), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("could not compute a SHA-256 digest");
    return digest;
}

std::string hmac_sha1(std::string_view key, std::string_view text)
{
    return hmac(EVP_sha1(), key, text);
}

std::string hmac_sha256(std::string_view key, std::string_view text)
{
    return hmac(EVP_sha256(), key, text);
}

std::string base64(std::string_view bytes)
{
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock writes a NUL behind it
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char *>(text.data()), bytes_of(bytes),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::string base64_url(std::string_view bytes)
{
    std::string text = base64(bytes);
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    text.resize(std::min(text.size(), text.find('=')));
    return text;
}

bool equal_constant_time(std::string_view left, std::string_view right) noexcept
{
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace videoroom::core
