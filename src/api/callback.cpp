#include "core/callback.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "api/arguments.hpp"
#include "api/refusal.hpp"
#include "core/crypto.hpp"
#include "core/error.hpp"
#include "core/signature.hpp"
#include "core/url.hpp"
#include "pg/credentials.hpp"
#include "pg/lookup.hpp"
#include "pg/named_lock.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/stats.hpp"

namespace videoroom::api {
namespace {

constexpr std::string_view signature_header = "x-twilio-signature";
constexpr std::size_t longest_body = 64 * 1024;

pg::Statement insert{"INSERT INTO videoroom.callback (body, signature) VALUES ($1, $2)"};

// The URL that Twilio was given for this database.
std::string own_url()
{
    std::string_view url = pg::settings::callback_url;
    if (url.empty())
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "videoroom.callback_url is not set",
                          "The signature of a callback is over the URL that Twilio called.",
                          "Set videoroom.callback_url and reload, or insert the URL with the callback.");
    const char *database =
        pg::call([] { return NameStr(*DatumGetName(DirectFunctionCall1(current_database, 0))); });
    return core::expand_callback_url(url, database);
}

// While the tokens are rotated Twilio signs with either.
bool genuine(const core::Form &form, const std::string &url, const std::string &signature)
{
    const core::Credentials &credentials = pg::credentials();
    bool primary = core::signature_matches(credentials.auth_token, url, form, signature);
    return primary || core::signature_matches(credentials.auth_token_secondary, url, form, signature);
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
    std::string url = given_url ? *given_url : own_url();
    core::Form form;
    try {
        form = core::decode_form(body);
    } catch (const core::InvalidInput &e) {
        pg::stats::count(&pg::stats::Callbacks::forged);
        refuse(refusal::malformed, "why", e.what());  // what is signed is the decoded form
    }
    if (!genuine(form, url, signature))
        refuse_forged();
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

// Under the latest snapshot: the relay's may be older than the lock. By the index, since a plan that was made
// when the table was empty reads it whole.
bool is_kept(bytea *digest)
{
    bool kept = false;
    PushActiveSnapshot(GetLatestSnapshot());
    pg::Table callbacks = pg::open_table("callback", "callback_once");
    ScanKeyData key = pg::equals(callbacks, "digest", digest);
    pg::for_each(callbacks, &key, 1, [&](HeapTuple) { kept = true; });
    pg::close_table(callbacks);
    PopActiveSnapshot();
    return kept;
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
        bool ignored = !decoded.ignored.empty();
        bool nulls[] = {false, decoded.room_id.empty(), !ignored};
        Datum values[] = {json_object(decoded.payload),
                          nulls[1] ? 0 : CStringGetTextDatum(decoded.room_id.c_str()),
                          nulls[2] ? 0 : CStringGetTextDatum(decoded.ignored.c_str())};
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
        return BoolGetDatum(is_kept(digest));
    });
}

VIDEOROOM_FUNCTION(videoroom_receive_callback)
{
    std::string body = Arguments(fcinfo).text(0, "body");
    const char *headers = pg::call([] { return GetConfigOption("request.headers", true, false); });
    std::string signature = signature_of(headers ? headers : "");
    if (signature.empty())
        refuse_forged();
    pg::Spi spi;
    spi.execute(insert, {pg::text(body), pg::text(signature)});
    return 0;
}

}  // namespace videoroom::api
