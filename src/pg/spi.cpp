#include "pg/spi.hpp"

#include <array>
#include <stdexcept>

namespace videoroom::pg {
namespace {

constexpr std::size_t most_values = 24;

template <typename T, typename Element>
Value array_of(const std::vector<T> &values, Oid array_type, Oid type, int length, bool by_value, char align,
               Element &&element)
{
    std::vector<Datum> datums;
    datums.reserve(values.size());
    for (const T &value : values)
        datums.push_back(element(value));
    ArrayType *array = call([&] {
        return construct_array(datums.data(), static_cast<int>(datums.size()), type, length, by_value, align);
    });
    return {array_type, PointerGetDatum(array), false};
}

}  // namespace

Value text(std::string_view value)
{
    Datum datum = call([&] {
        return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
    });
    return {TEXTOID, datum, false};
}

Value text_or_null(const std::optional<std::string> &value)
{
    return value ? text(std::string_view(*value)) : Value{TEXTOID, 0, true};
}

Value text_array(const std::vector<std::string> &values)
{
    return array_of(values, TEXTARRAYOID, TEXTOID, -1, false, TYPALIGN_INT,
                    [](const std::string &value) { return text(std::string_view(value)).datum; });
}

Value bigint_array(const std::vector<int64> &values)
{
    return array_of(values, INT8ARRAYOID, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
                    [](int64 value) { return Int64GetDatum(value); });
}

Value bigint(int64 value)
{
    return {INT8OID, Int64GetDatum(value), false};
}
Value integer(int32 value)
{
    return {INT4OID, Int32GetDatum(value), false};
}
Value boolean(bool value)
{
    return {BOOLOID, BoolGetDatum(value), false};
}
Value oid(Oid value)
{
    return {OIDOID, ObjectIdGetDatum(value), false};
}
Value timestamp(TimestampTz value)
{
    return {TIMESTAMPTZOID, TimestampTzGetDatum(value), false};
}

Value timestamp(std::optional<TimestampTz> value)
{
    return value ? timestamp(*value) : Value{TIMESTAMPTZOID, 0, true};
}

std::optional<std::string> Rows::text(uint64 row, int column) const
{
    const char *value = call([&] { return SPI_getvalue(table_->vals[row], table_->tupdesc, column); });
    if (!value)
        return std::nullopt;
    return std::string(value);
}

std::optional<Datum> Rows::datum(uint64 row, int column) const
{
    bool null = true;
    Datum value = call([&] { return SPI_getbinval(table_->vals[row], table_->tupdesc, column, &null); });
    if (null)
        return std::nullopt;
    return value;
}

std::optional<TimestampTz> Rows::timestamp(uint64 row, int column) const
{
    auto value = datum(row, column);
    return value ? std::optional(DatumGetTimestampTz(*value)) : std::nullopt;
}

std::optional<int64> Rows::bigint(uint64 row, int column) const
{
    auto value = datum(row, column);
    return value ? std::optional(DatumGetInt64(*value)) : std::nullopt;
}

std::optional<int32> Rows::integer(uint64 row, int column) const
{
    auto value = datum(row, column);
    return value ? std::optional(DatumGetInt32(*value)) : std::nullopt;
}

std::optional<bool> Rows::boolean(uint64 row, int column) const
{
    auto value = datum(row, column);
    return value ? std::optional(DatumGetBool(*value)) : std::nullopt;
}

Spi::Spi()
{
    call([] { SPI_connect(); });
}

Spi::~Spi()
{
    if (std::uncaught_exceptions() == pending_)
        SPI_finish();
}

Rows Spi::execute(Statement &statement, std::initializer_list<Value> values)
{
    return run(statement, values, false);
}

Rows Spi::read_latest(Statement &statement, std::initializer_list<Value> values)
{
    call([] { PushActiveSnapshot(GetLatestSnapshot()); });
    Rows rows = run(statement, values, true);
    call([] { PopActiveSnapshot(); });
    return rows;
}

Rows Spi::run(Statement &statement, std::initializer_list<Value> values, bool read_only)
{
    if (values.size() > most_values)
        throw std::logic_error("statement has too many parameters");
    std::array<Oid, most_values> types;
    std::array<Datum, most_values> datums;
    std::array<char, most_values> nulls;
    std::size_t count = 0;
    for (const Value &value : values) {
        types[count] = value.type;
        datums[count] = value.datum;
        nulls[count] = value.null ? 'n' : ' ';
        count++;
    }

    int rc = call([&] {
        if (!statement.plan) {
            SPIPlanPtr plan = SPI_prepare(statement.text, static_cast<int>(count), types.data());
            if (!plan)
                elog(ERROR, "could not prepare \"%s\": %s", statement.text,
                     SPI_result_code_string(SPI_result));
            SPI_keepplan(plan);
            statement.plan = plan;
        }
        return SPI_execute_plan(statement.plan, datums.data(), nulls.data(), read_only, 0);
    });
    if (rc < 0)
        throw std::logic_error(std::string("SPI_execute_plan failed: ") + SPI_result_code_string(rc));
    return Rows(SPI_tuptable, SPI_processed);
}

}  // namespace videoroom::pg
