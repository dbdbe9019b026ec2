#include <gtest/gtest.h>

#include "core/signature.hpp"
#include "signature_vectors.hpp"

namespace videoroom::core {

// Names the parameter in gtest's output; found by argument-dependent lookup.
void PrintTo(const SignatureVector &vector, std::ostream *out)
{
    *out << vector.name;
}

namespace {

constexpr const char *auth_token = "12345";

class TwilioLibrary : public testing::TestWithParam<SignatureVector> {};

TEST_P(TwilioLibrary, Agrees)
{
    const SignatureVector &vector = GetParam();
    EXPECT_EQ(signature_matches(auth_token, vector.url, decode_form(vector.body), vector.signature),
              vector.valid);
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
