// Form bodies and signatures: whatever is decoded comes back from encoding, and only its own signature
// matches.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/error.hpp"
#include "core/form.hpp"
#include "core/signature.hpp"
#include "core/text.hpp"
#include "core/whatwg_url.hpp"

using namespace videoroom::core;

namespace {

void check(bool holds)
{
    if (!holds)
        std::abort();
}

void check_form(std::string_view body)
{
    Form form;
    try {
        form = decode_form(body);
    } catch (const InvalidInput &) {
        return;
    }
    for (const auto &[name, value] : form)
        check(valid_utf8(name) && valid_utf8(value));
    const std::string encoded = encode_form(form);
    check(decode_form(encoded) == form || body.find('=') == std::string_view::npos);

    const std::string signature = sign("token", "https://h.example/cb", form);
    check(signature_matches("token", "https://h.example/cb", form, signature));
    check(!signature_matches("other", "https://h.example/cb", form, signature));
    form.emplace_back("zz", "one more");
    check(signed_text(form) == signed_text(decode_form(encoded)) ||
          !signature_matches("token", "https://h.example/cb", form, signature));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char *>(data), size);
    check_form(input);

    signature_matches("token", input, {{"a", "b"}}, "x");
    const std::string plain(input.substr(0, input.find('#')));
    if (const auto normal = normalise_url(plain)) {
        check(normalise_url(*normal) == normal);
        const std::string signature = sign("token", *normal, {});
        check(signature_matches("token", *normal, {}, signature));
    }
    return 0;
}
