#include "core/callback.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <vector>

#include "api/arguments.hpp"
#include "api/refusal.hpp"
#include "core/crypto.hpp"
#include "core/error.hpp"
#include "core/room_id.hpp"
#include "core/signature.hpp"
#include "core/url.hpp"
#include "pg/credentials.hpp"
#include "pg/lookup.hpp"
#include "pg/named_lock.hpp"
#include "pg/origin.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/stats.hpp"

namespace videoroom::api {
namespace {

constexpr std::string_view signature_header = "x-twilio-signature";
constexpr std::size_t longest_body = 65536;

pg::Statement insert{"INSERT INTO videoroom.callback (body, signature) VALUES ($1, $2)"};

// The URLs that rooms of this database may have been given to Twilio with.
std::vector<std::string> own_urls()
{
    const char *database =
        pg::call([] { return NameStr(*DatumGetName(DirectFunctionCall1(current_database, 0))); });
    std::vector<std::string> urls;
    for (std::string_view url : {pg::settings::callback_url, pg::settings::callback_url_secondary})
        if (!url.empty())
            urls.push_back(core::expand_callback_url(url, database));
    if (urls.empty())
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "videoroom.callback_url is not set",
                          "The signature of a callback is over the URL that Twilio called.",
                          "Set videoroom.callback_url and reload, or insert the URL with the callback.");
    return urls;
}

// Twilio signs with a token or, where a Webhook Rule says so, with a SharedKey; with either of two while they
// are rotated.
bool genuine(const core::Form &form, const std::vector<std::string> &urls, const std::string &signature)
{
    const core::Credentials &credentials = pg::credentials();
    for (const std::string &url : urls)
        for (const std::string *secret : {&credentials.auth_token, &credentials.auth_token_secondary,
                                          &credentials.webhook_secret, &credentials.webhook_secret_secondary})
            if (core::signature_matches(*secret, url, form, signature))
                return true;
    return false;
}

// Does it name our account, and a room of this database, whose name nobody guesses?
bool claims_to_be_ours(const core::Form &form)
{
    bool account = false;
    const std::string *room = nullptr;
    for (const auto &[name, value] : form) {
        account = account || (name == "AccountSid" && value == pg::credentials().account_sid);
        if (name == "RoomName" && core::is_room_id(value))
            room = &value;
    }
    return account && room &&
           pg::call([&] { return pg::exists("room", "room_pkey", "room_id", room->c_str()); });
}

[[noreturn]] void refuse_forged()
{
    pg::stats::count(&pg::stats::Callbacks::forged);
    refuse(refusal::forged);
}

// Arguments body, signature, url; gives the body.
std::string verify(const Arguments &arguments)
{
    std::string body = arguments.text(0, "callback body");
    if (body.size() > longest_body)
        throw core::InvalidInput("callback body is longer than " + std::to_string(longest_body) + " bytes");
    std::string signature = arguments.optional_text(1).value_or("");
    std::optional<std::string> given_url = arguments.optional_text(2);
    std::vector<std::string> urls = given_url ? std::vector{*given_url} : own_urls();
    core::Form form;
    try {
        form = core::decode_form(body);
    } catch (const core::InvalidInput &e) {
        pg::stats::count(&pg::stats::Callbacks::forged);
        refuse(refusal::malformed, "why", e.what());  // what is signed is the decoded form
    }
    if (!genuine(form, urls, signature)) {
        if (claims_to_be_ours(form))
            pg::stats::note_mismatch();
        refuse_forged();
    }
    pg::stats::note_genuine();
    return body;
}

// SHA-256, as the index callback_once has it.
Datum digest_of(std::string_view body)
{
    const auto digest = core::sha256(body);
    return pg::call([&] {
        auto *value = static_cast<bytea *>(palloc(VARHDRSZ + digest.size()));
        SET_VARSIZE(value, VARHDRSZ + digest.size());
        memcpy(VARDATA(value), digest.data(), digest.size());
        return PointerGetDatum(value);
    });
}

// Header names come in lower case from PostgREST; RFC 9110 lets them come in any.
std::string signature_of(const std::string &headers)
{
    std::optional<core::Json> parsed = core::Json::try_parse(headers);
    if (!parsed || !parsed->is_object())
        return "";
    for (const std::string &name : parsed->keys()) {
        bool same = std::equal(name.begin(), name.end(), signature_header.begin(), signature_header.end(),
                               [](unsigned char a, char b) { return std::tolower(a) == b; });
        if (same)
            return parsed->string(name).value_or("");
    }
    return "";
}

void push_text(pg::JsonbState *state, JsonbIteratorToken token, const std::string &text)
{
    JsonbValue value;
    value.type = jbvString;
    value.val.string.val = const_cast<char *>(text.data());
    value.val.string.len = static_cast<int>(text.size());
    pg::push(state, token, &value);
}

// Not by way of its text, which takes ten times as long to write and to read again.
Datum json_object(const decltype(core::DecodedCallback::payload) &members)
{
    pg::JsonbState state = {};
    pg::push(&state, WJB_BEGIN_OBJECT);
    for (const auto &[name, value] : members) {
        push_text(&state, WJB_KEY, name);
        push_text(&state, WJB_VALUE, value);
    }
    pg::push(&state, WJB_END_OBJECT);
    return JsonbPGetDatum(JsonbValueToJsonb(state.result));
}

Datum decoded_row(FunctionCallInfo fcinfo, const core::DecodedCallback &decoded)
{
    return pg::call([&] {
        const std::string *texts[] = {&decoded.room_id, &decoded.ignored, &decoded.not_understood};
        Datum values[5] = {json_object(decoded.payload)};
        bool nulls[5] = {false};
        for (std::size_t i = 0; i < std::size(texts); i++) {
            nulls[i + 1] = texts[i]->empty();
            values[i + 1] = nulls[i + 1] ? 0 : CStringGetTextDatum(texts[i]->c_str());
        }
        nulls[4] = !decoded.behind;
        values[4] = nulls[4] ? 0 : CStringGetTextDatum(decoded.behind->c_str());
        return HeapTupleGetDatum(heap_form_tuple(pg::result_row(fcinfo), values, nulls));
    });
}

}  // namespace

// verify_callback(body, signature, url): what the trigger on videoroom.callback lets in; gives its digest.
VIDEOROOM_FUNCTION(videoroom_verify_callback)
{
    return digest_of(verify(Arguments(fcinfo)));
}

// decode_callback(body): what may be applied, now or later; a kept body was verified when it came.
VIDEOROOM_FUNCTION(videoroom_decode_callback)
{
    core::Form form = core::decode_form(Arguments(fcinfo).text(0, "body"));
    return decoded_row(fcinfo, core::decode_callback(form, pg::credentials().account_sid));
}

VIDEOROOM_FUNCTION(videoroom_knows_callback)
{
    return pg::call([&] {
        bytea *digest = DatumGetByteaPP(PG_GETARG_DATUM(0));
        // Until the end of the transaction nobody else inserts a callback of that digest.
        pg::lock_name(pg::LockClass::callback, {VARDATA_ANY(digest), VARSIZE_ANY_EXHDR(digest)});
        return BoolGetDatum(pg::exists("callback", "callback_once", "digest", digest));
    });
}

VIDEOROOM_FUNCTION(videoroom_receive_callback)
{
    std::string body = Arguments(fcinfo).text(0, "body");
    const char *headers = pg::call([] { return GetConfigOption("request.headers", true, false); });
    std::string signature = signature_of(headers ? headers : "");
    if (signature.empty())
        refuse_forged();
    pg::as_origin([&] {
        pg::Spi spi;
        spi.execute(insert, {pg::text(body), pg::text(signature)});
    });
    return 0;
}

}  // namespace videoroom::api
