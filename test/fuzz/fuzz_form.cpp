// Form bodies: whatever is decoded comes back from encoding.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "check.hpp"
#include "core/error.hpp"
#include "core/form.hpp"
#include "core/text.hpp"

using namespace videoroom::core;

namespace {

void check_form(std::string_view body)
{
    Form form;
    try {
        form = decode_form(body);
    } catch (const InvalidInput &) {
        return;
    }
    for (const auto &[name, value] : form)
        check(valid_utf8(name) && valid_utf8(value) && (name + value).find('\0') == std::string::npos);
    check(decode_form(encode_form(form)) == form || body.find('=') == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    check_form({reinterpret_cast<const char *>(data), size});
    return 0;
}
