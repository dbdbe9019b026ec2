#include "core/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace videoroom::core {
namespace {

const unsigned char *bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char *>(text.empty() ? "" : text.data());
}

struct FreeMac {
    void operator()(EVP_MAC_CTX *context) const noexcept { EVP_MAC_CTX_free(context); }
};
using Mac = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

[[noreturn]] void fail()
{
    throw std::runtime_error("could not compute an HMAC: the hash is not available in this OpenSSL");
}

Mac make_mac(std::string hash)
{
    EVP_MAC *algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    if (algorithm == nullptr)
        fail();
    Mac mac(EVP_MAC_CTX_new(algorithm));
    EVP_MAC_free(algorithm);  // the context keeps it
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash.data(), 0),
                               OSSL_PARAM_construct_end()};
    if (!mac || EVP_MAC_CTX_set_params(mac.get(), parameters) != 1)
        fail();
    return mac;
}

// Looking the algorithms up takes longer than the HMAC of a token: the caller keeps `mac`.
std::string hmac(EVP_MAC_CTX *mac, std::string_view key, std::string_view text)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> code;
    std::size_t size = 0;
    if (EVP_MAC_init(mac, bytes_of(key), key.size(), nullptr) != 1 ||
        EVP_MAC_update(mac, bytes_of(text), text.size()) != 1 ||
        EVP_MAC_final(mac, code.data(), &size, code.size()) != 1)
        fail();
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
    thread_local const Mac mac = make_mac("SHA1");
    return hmac(mac.get(), key, text);
}

std::string hmac_sha256(std::string_view key, std::string_view text)
{
    thread_local const Mac mac = make_mac("SHA256");
    return hmac(mac.get(), key, text);
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
