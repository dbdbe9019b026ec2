// Callbacks, among them ones made from an honest callback by moving bytes between names and values: what is
// applied must say the same as what was signed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "core/callback.hpp"
#include "core/error.hpp"
#include "core/room_id.hpp"
#include "core/signature.hpp"

using namespace videoroom::core;

namespace {

constexpr std::string_view account = "AC0123456789abcdef0123456789abcdef";

const Form honest = {{"AccountSid", std::string(account)},
                     {"ParticipantDuration", "120"},
                     {"ParticipantIdentity", "alice"},
                     {"ParticipantSid", "PA0123456789abcdef0123456789abcdef"},
                     {"ParticipantStatus", "disconnected"},
                     {"RoomName", "0af0123456789ABCDEFabcdxy"},
                     {"RoomSid", "RM0123456789abcdef0123456789abcdef"},
                     {"RoomStatus", "in-progress"},
                     {"RoomType", "group-small"},
                     {"SequenceNumber", "12"},
                     {"StatusCallbackEvent", "participant-disconnected"},
                     {"Timestamp", "2017-08-09T09:18:04.195Z"}};

std::string value_of(const Form &form, std::string_view name)
{
    for (const auto &pair : form)
        if (pair.first == name)
            return pair.second;
    return {};
}

void check_decoded(const Form &form)
{
    const DecodedCallback decoded = decode_callback(form, account);
    check(decoded.room_id.empty() || is_room_id(decoded.room_id));
    if (!decoded.ignored.empty() || !decoded.not_understood.empty())
        return;
    check(decoded.payload.at("AccountSid") == account);
    check(decoded.payload.at("RoomName") == decoded.room_id);
}

// Cuts the honest callback's signed text at the places that the input names, into a name and a value in turn.
Form recut(const std::string &text, std::string_view cuts)
{
    Form form;
    std::size_t at = 0;
    std::string name;
    bool is_name = true;
    for (std::size_t i = 0; at < text.size(); ++i, is_name = !is_name) {
        const std::size_t length = i < cuts.size() ? static_cast<unsigned char>(cuts[i]) % 48 : text.size();
        const std::string piece = text.substr(at, length);
        at += piece.size();
        if (is_name)
            name = piece;
        else
            form.emplace_back(name, piece);
        if (i >= cuts.size() && is_name)
            form.emplace_back(name, "");
    }
    return form;
}

// The honest callback with names and values next to each other joined, and cut again elsewhere.
Form shifted(std::string_view moves)
{
    Form form = honest;
    for (std::size_t i = 0; i + 2 < moves.size(); i += 3) {
        const std::size_t which = static_cast<unsigned char>(moves[i]) % form.size();
        const std::size_t how_many = 1 + static_cast<unsigned char>(moves[i + 1]) % 3;
        std::string joined;
        std::size_t end = which;
        for (; end < form.size() && end < which + how_many; ++end)
            joined += form[end].first + form[end].second;
        const std::size_t cut =
            joined.empty() ? 0 : static_cast<unsigned char>(moves[i + 2]) % (joined.size() + 1);
        const auto begin = form.begin() + static_cast<std::ptrdiff_t>(which);
        form.erase(begin, form.begin() + static_cast<std::ptrdiff_t>(end));
        form.insert(form.begin() + static_cast<std::ptrdiff_t>(which),
                    {joined.substr(0, cut), joined.substr(cut)});
    }
    return form;
}

// Whatever has the honest callback's signature and is applied says the same of what is used: of the identity,
// either that, or that it may have been cut short or drawn out.
void check_forged(const Form &form)
{
    if (signed_text(form) != signed_text(honest))
        return;
    const DecodedCallback decoded = decode_callback(form, account);
    if (!decoded.ignored.empty() || !decoded.not_understood.empty())
        return;
    for (const char *name :
         {"AccountSid", "ParticipantSid", "RoomName", "RoomSid", "StatusCallbackEvent", "Timestamp"})
        check(decoded.payload.at(name) == value_of(honest, name));
    if (decoded.payload.contains("ParticipantDuration"))
        check(decoded.payload.at("ParticipantDuration") == value_of(honest, "ParticipantDuration"));
    check(decoded.payload.at("ParticipantIdentity") == value_of(honest, "ParticipantIdentity") ||
          decoded.behind);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view input(reinterpret_cast<const char *>(data), size);
    try {
        check_decoded(decode_form(input));
    } catch (const InvalidInput &) {
    }
    check_forged(recut(signed_text(honest), input));
    check_forged(shifted(input));
    return 0;
}
