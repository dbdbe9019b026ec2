// SQL from C++: statements prepared once a process, their values in, their rows out.
#pragma once

#include <exception>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pg/guard.hpp"

namespace videoroom::pg {

// A statement of ours, a constant of the code. Its plan is prepared at first use and kept.
struct Statement {
    const char *text;
    SPIPlanPtr plan = nullptr;
};

// One value for a statement's parameter.
struct Value {
    Oid type;
    Datum datum;
    bool null;
};

Value text(std::string_view value);
Value text_or_null(const std::optional<std::string> &value);
Value jsonb(const std::string &json);
Value text_array(const std::vector<std::string> &values);
Value text_array(const std::vector<std::optional<std::string>> &values);
Value bigint_array(const std::vector<int64> &values);
Value bigint_array(const std::vector<std::optional<int64>> &values);
Value timestamp_array(const std::vector<std::optional<TimestampTz>> &values);
Value bigint(int64 value);
Value integer(int32 value);
Value boolean(bool value);
Value oid(Oid value);
Value timestamp(TimestampTz value);
Value timestamp(std::optional<TimestampTz> value);

// The rows of a statement, which hold memory of its Spi connection: they must not outlive it.
class Rows {
public:
    Rows(SPITupleTable *table, uint64 count) noexcept : table_(table), count_(count) {}
    ~Rows() { free(); }
    Rows(Rows &&other) noexcept : table_(std::exchange(other.table_, nullptr)), count_(other.count_) {}
    Rows &operator=(Rows &&other) noexcept
    {
        free();
        table_ = std::exchange(other.table_, nullptr);
        count_ = other.count_;
        return *this;
    }

    uint64 count() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }

    // Columns count from 1. Reading SQL NULL gives nullopt; the typed forms take the column's very type.
    std::optional<std::string> text(uint64 row, int column) const;
    std::vector<std::string> texts() const;  // the first column, which is never NULL
    std::optional<TimestampTz> timestamp(uint64 row, int column) const;
    std::optional<int64> bigint(uint64 row, int column) const;
    std::optional<int32> integer(uint64 row, int column) const;
    std::optional<bool> boolean(uint64 row, int column) const;

    // The number of a column; throws std::logic_error if there is none of that name.
    int column(const char *name) const;

private:
    std::optional<Datum> datum(uint64 row, int column) const;

    // On the way out of an error the (sub)transaction's abort does it.
    void free() noexcept
    {
        if (table_ && std::uncaught_exceptions() == pending_)
            SPI_freetuptable(table_);
    }

    SPITupleTable *table_;
    uint64 count_;
    int pending_ = std::uncaught_exceptions();
};

// One row of those, by the names of its columns.
class Record {
public:
    Record(const Rows &rows, uint64 row) : rows_(rows), row_(row) {}

    std::optional<std::string> text(const char *column) const
    {
        return rows_.text(row_, rows_.column(column));
    }
    std::optional<TimestampTz> timestamp(const char *column) const
    {
        return rows_.timestamp(row_, rows_.column(column));
    }
    std::optional<int64> bigint(const char *column) const { return rows_.bigint(row_, rows_.column(column)); }
    std::optional<int32> integer(const char *column) const
    {
        return rows_.integer(row_, rows_.column(column));
    }
    std::optional<bool> boolean(const char *column) const
    {
        return rows_.boolean(row_, rows_.column(column));
    }

private:
    const Rows &rows_;
    uint64 row_;
};

// One SPI connection. On the way out of an error the transaction's abort closes it: SPI_finish then
// would close whatever level the error left current.
class Spi {
public:
    Spi();
    ~Spi();
    Spi(const Spi &) = delete;
    Spi &operator=(const Spi &) = delete;

    // Runs a statement that may write.
    Rows execute(Statement &statement, std::initializer_list<Value> values = {});

    // Runs a statement that only reads, under a snapshot taken now at any isolation level.
    Rows read_latest(Statement &statement, std::initializer_list<Value> values = {});

private:
    Rows run(Statement &statement, std::initializer_list<Value> values, bool read_only);

    int pending_ = std::uncaught_exceptions();
};

}  // namespace videoroom::pg
