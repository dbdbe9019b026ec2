#include "api/arguments.hpp"

#include <string_view>

#include "core/error.hpp"
#include "core/text.hpp"

namespace videoroom::api {
namespace {

std::string_view view(Datum value)
{
    Pointer bytes = DatumGetPointer(value);
    return {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
}

Datum detoasted(Datum value)
{
    return PointerGetDatum(DatumGetTextPP(value));
}

struct Elements {
    Datum *values = nullptr;
    bool *nulls = nullptr;
    int count = 0;
    int dimensions = 0;
};

Elements take_apart(Datum array)
{
    Elements result;
    ArrayType *value = DatumGetArrayTypeP(array);
    result.dimensions = ARR_NDIM(value);
    deconstruct_array(value, TEXTOID, -1, false, TYPALIGN_INT, &result.values, &result.nulls, &result.count);
    for (int i = 0; i < result.count; i++)
        if (!result.nulls[i])
            result.values[i] = detoasted(result.values[i]);
    return result;
}

}  // namespace

Datum Arguments::datum(int index, const char *name) const
{
    if (!given(index))
        throw core::InvalidInput(std::string(name) + " must not be null");
    return call_->args[index].value;
}

std::string Arguments::text(int index, const char *name) const
{
    Datum value = datum(index, name);
    return std::string(view(pg::call([&] { return detoasted(value); })));
}

std::optional<std::string> Arguments::optional_text(int index) const
{
    return given(index) ? std::optional(text(index, "")) : std::nullopt;
}

std::string Arguments::id(int index, const char *name) const
{
    std::string value = text(index, name);
    core::check_id(name, value);
    return value;
}

TimestampTz Arguments::time(int index, const char *name) const
{
    TimestampTz value = DatumGetTimestampTz(datum(index, name));
    if (TIMESTAMP_NOT_FINITE(value))
        throw core::InvalidInput(std::string(name) + " must be finite");
    return value;
}

std::vector<std::string> Arguments::users(int index, const char *name) const
{
    Datum value = datum(index, name);
    Elements elements = pg::call([&] { return take_apart(value); });
    if (elements.dimensions > 1)
        throw core::InvalidInput(std::string(name) + " must have one dimension");
    check_participant_count(static_cast<std::size_t>(elements.count));

    std::vector<std::string> users;
    users.reserve(static_cast<std::size_t>(elements.count));
    for (int i = 0; i < elements.count; i++) {
        if (elements.nulls[i])
            throw core::InvalidInput(std::string(name) + " must not hold nulls");
        users.emplace_back(view(elements.values[i]));
        core::check_id("participant", users.back());
    }
    return users;
}

void check_participant_count(std::size_t count)
{
    if (count < 1 || count > most_participants)
        throw core::InvalidInput("participants must be 1 to 1000",
                                 "There are " + std::to_string(count) + ".");
}

}  // namespace videoroom::api
