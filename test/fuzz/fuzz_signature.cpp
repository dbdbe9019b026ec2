// Signatures: a URL in the first line, a form body in the rest. What Twilio signs is recognised in whichever
// order its parameters come, with the port and without, and nothing else is.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "core/error.hpp"
#include "core/form.hpp"
#include "core/signature.hpp"
#include "core/url.hpp"

using namespace videoroom::core;

namespace {

void check_signature(std::string_view url, const Form &form)
{
    const std::string signature = sign("token", url, form);
    check(signature.size() == 28 && signature_matches("token", url, form, signature));
    check(signature_matches("token", std::string(url) + "#rc=5", form, signature));
    check(!signature_matches("other", url, form, signature));
    check(!signature_matches("", url, form, signature));
    check(!signature_matches("token", url, form, ""));
    check(!signature_matches("token", url, form, signature.substr(1)));
    check(!signature_matches("token", url, form, signature + '='));

    Form another = form;
    std::reverse(another.begin(), another.end());
    another.insert(another.end(), form.begin(), form.end());
    check(signed_text(another) == signed_text(form));
    check(signature_matches("token", url, another, signature));

    another.emplace_back("zz", "one more");
    check(signed_text(another) == signed_text(form) || !signature_matches("token", url, another, signature));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view input(reinterpret_cast<const char *>(data), size);
    const std::string_view url = take_line(input);
    try {
        const Form form = decode_form(input);
        if (const auto forms = port_forms(url))
            for (const std::string &text : *forms) {
                check(signature_matches("token", url, form, sign("token", text, form)));
                check_signature(text, form);
            }
        else
            check(!signature_matches("token", url, form, sign("token", url, form)));
    } catch (const InvalidInput &) {
    }
    return 0;
}
