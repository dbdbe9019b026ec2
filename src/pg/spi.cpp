#include "pg/spi.hpp"

#include <array>
#include <memory>
#include <stdexcept>

namespace videoroom::pg {
namespace {

constexpr std::size_t most_values = 24;

// What the server has to know of a type whose values make an array.
struct ElementType {
    Oid array, type;
    int length;
    bool by_value;
    char align;
};
constexpr ElementType texts{TEXTARRAYOID, TEXTOID, -1, false, TYPALIGN_INT};
constexpr ElementType bigints{INT8ARRAYOID, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE};
constexpr ElementType timestamps{TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE};

Value make_value(const std::string &value)
{
    return text(value);
}

Value make_value(int64 value)
{
    return bigint(value);
}

template <typename T>
Value make_value(const std::optional<T> &value)
{
    return value ? make_value(*value) : Value{InvalidOid, 0, true};
}

template <typename T>
Value array_of(const std::vector<T> &values, const ElementType &element)
{
    std::vector<Datum> datums;
    std::unique_ptr<bool[]> nulls = std::make_unique<bool[]>(values.size());
    datums.reserve(values.size());
    for (const T &value : values) {
        Value made = make_value(value);
        nulls[datums.size()] = made.null;
        datums.push_back(made.datum);
    }
    int count = static_cast<int>(values.size()), first = 1;
    ArrayType *array = call([&] {
        if (count == 0)
            return construct_empty_array(element.type);
        return construct_md_array(datums.data(), nulls.get(), 1, &count, &first, element.type, element.length,
                                  element.by_value, element.align);
    });
    return {element.array, PointerGetDatum(array), false};
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

Value jsonb(const std::string &json)
{
    Datum datum = call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.c_str())); });
    return {JSONBOID, datum, false};
}

Value text_array(const std::vector<std::string> &values)
{
    return array_of(values, texts);
}

Value text_array(const std::vector<std::optional<std::string>> &values)
{
    return array_of(values, texts);
}

Value bigint_array(const std::vector<int64> &values)
{
    return array_of(values, bigints);
}

Value bigint_array(const std::vector<std::optional<int64>> &values)
{
    return array_of(values, bigints);
}

// TimestampTz is the server's int64.
Value timestamp_array(const std::vector<std::optional<TimestampTz>> &values)
{
    return array_of(values, timestamps);
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

std::vector<std::string> Rows::texts() const
{
    std::vector<std::string> values;
    for (uint64 row = 0; row < count(); row++)
        values.push_back(text(row, 1).value());
    return values;
}

int Rows::column(const char *name) const
{
    int number = call([&] { return SPI_fnumber(table_->tupdesc, name); });
    if (number <= 0)
        throw std::logic_error(std::string("statement has no column ") + name);
    return number;
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
