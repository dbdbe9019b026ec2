#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/signature.hpp"
#include "core/url.hpp"
#include "signature_vectors.hpp"

namespace videoroom::core {

// Names the parameter in gtest's output; found by argument-dependent lookup.
void PrintTo(const SignatureVector &vector, std::ostream *out)
{
    *out << vector.name;
}

namespace {

constexpr const char *auth_token = "12345";

bool may_be_set(std::string_view url)
{
    try {
        check_callback_url(url);
        return true;
    } catch (const InvalidInput &) {
        return false;
    }
}

class TwilioLibrary : public testing::TestWithParam<SignatureVector> {};

// What the library makes of other URLs is no matter: they are refused where they are set.
TEST_P(TwilioLibrary, AgreesAboutEveryUrlThatMayBeSet)
{
    const SignatureVector &vector = GetParam();
    EXPECT_EQ(may_be_set(vector.url), vector.may_be_set);
    const bool matches =
        signature_matches(auth_token, vector.url, decode_form(vector.body), vector.signature);
    EXPECT_TRUE(matches == vector.valid || (!matches && !vector.may_be_set));
}

TEST_P(TwilioLibrary, SignatureIsWorthlessWithAnotherToken)
{
    const SignatureVector &vector = GetParam();
    EXPECT_FALSE(signature_matches("12346", vector.url, decode_form(vector.body), vector.signature));
}

INSTANTIATE_TEST_SUITE_P(Vectors, TwilioLibrary, testing::ValuesIn(signature_vectors),
                         [](const auto &tested) { return std::string(tested.param.name); });

const Form form = {{"RoomSid", "RM1"}, {"AccountSid", "AC1"}};

TEST(Signature, FragmentOfTheUrlDoesNotCount)
{
    const std::string signature = sign(auth_token, "https://h.example/cb", form);
    EXPECT_TRUE(signature_matches(auth_token, "https://h.example/cb#rc=5&rp=all", form, signature));
    const std::string with_fragment = sign(auth_token, "https://h.example/cb#rc=5&rp=all", form);
    EXPECT_FALSE(signature_matches(auth_token, "https://h.example/cb#rc=5&rp=all", form, with_fragment));
}

TEST(Signature, IsOverTheUrlAsItMayBeSetHoweverItsHostWasCalled)
{
    const std::string signature = sign(auth_token, "https://h.example/Cb", form);
    EXPECT_TRUE(signature_matches(auth_token, "HTTPS://H.Example/Cb", form, signature));
    EXPECT_TRUE(signature_matches(auth_token, "https://h.example:443/Cb", form, signature));
    EXPECT_FALSE(signature_matches(auth_token, "https://h.example/cb", form, signature));
}

TEST(Signature, NeverMatchesWhatIsNoUrlOrNamesAUser)
{
    for (const char *url : {"", "h.example/cb", "ftp://h.example/cb", "https://user@h.example/cb",
                            "https://h.example/a b", " https://h.example/cb", "https://h.example:x/cb"})
        EXPECT_FALSE(signature_matches(auth_token, url, form, sign(auth_token, url, form))) << url;
}

TEST(Signature, LengthTellsTheHash)
{
    const std::string url = "https://h.example/cb";
    const std::string by_sha1 = sign(auth_token, url, form);
    const std::string by_sha256 = sign(auth_token, url, form, Hash::sha256);
    EXPECT_EQ(by_sha1.size(), 28U);
    EXPECT_EQ(by_sha256.size(), 44U);
    EXPECT_TRUE(signature_matches(auth_token, url, form, by_sha1));
    EXPECT_TRUE(signature_matches(auth_token, url, form, by_sha256));
    EXPECT_FALSE(signature_matches("other", url, form, by_sha256));
    EXPECT_FALSE(signature_matches(auth_token, url, form, by_sha256.substr(0, 28)));
    EXPECT_FALSE(signature_matches(auth_token, url, form, by_sha1 + std::string(16, '=')));
}

TEST(Signature, NothingEmptyEverMatches)
{
    EXPECT_FALSE(signature_matches("", "https://h.example/cb", form, sign("", "https://h.example/cb", form)));
    EXPECT_FALSE(signature_matches(auth_token, "https://h.example/cb", form, ""));
}

TEST(Signature, PartOrExtensionOfItDoesNotMatch)
{
    const std::string signature = sign(auth_token, "https://h.example/cb", form);
    EXPECT_FALSE(signature_matches(auth_token, "https://h.example/cb", form, signature.substr(0, 27)));
    EXPECT_FALSE(signature_matches(auth_token, "https://h.example/cb", form, signature + " "));
    EXPECT_FALSE(signature_matches(auth_token, "https://h.example/cb", form, std::string(28, 'A')));
}

TEST(Signature, AnyChangedParameterBreaksIt)
{
    const std::string signature = sign(auth_token, "https://h.example/cb", form);
    EXPECT_TRUE(signature_matches(auth_token, "https://h.example/cb", form, signature));
    for (const Form &other : {Form{{"RoomSid", "RM1"}}, Form{{"RoomSid", "RM2"}, {"AccountSid", "AC1"}},
                              Form{{"RoomSid", "RM1"}, {"AccountSid", "AC1"}, {"Z", "1"}}, Form{}})
        EXPECT_FALSE(signature_matches(auth_token, "https://h.example/cb", other, signature));
}

}  // namespace
}  // namespace videoroom::core
