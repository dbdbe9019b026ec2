// Signatures: a URL in the first line, a form body in the rest. What Twilio signs is recognised in whichever
// order its parameters come, and nothing else is.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "core/error.hpp"
#include "core/form.hpp"
#include "core/signature.hpp"
#include "core/whatwg_url.hpp"

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

void check_url(std::string_view url)
{
    const auto normal = normalise_url(url);
    if (!normal)
        return;
    check(normalise_url(*normal) == normal);
    check(signature_matches("token", url, {}, sign("token", normal->substr(0, normal->find('#')), {})));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view input(reinterpret_cast<const char *>(data), size);
    std::string_view url = take_line(input);
    url = url.substr(0, url.find('#'));
    check_url(url);
    try {
        check_signature(url, decode_form(input));
    } catch (const InvalidInput &) {
    }
    return 0;
}
