// Two crossings between C++ and the server, and only these two:
//   pg::call(f)  C++ -> Postgres: an ereport(ERROR) inside f comes out as a pg::Error exception.
//   pg::wall(f)  Postgres -> C++: any exception out of f becomes an ereport(ERROR) after every frame is gone.
// A pg::Error must reach a wall or an aborted (sub)transaction: nothing in between may carry on as if it
// had not happened.
#pragma once

#include <concepts>
#include <cstring>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "core/error.hpp"
#include "pg/postgres.hpp"

namespace videoroom::pg {

// A server error on its way to the wall, with its SQLSTATE, detail, hint and context whole.
class Error : public std::exception {
public:
    explicit Error(ErrorData *data) noexcept : data_(data) {}
    const char *what() const noexcept override { return data_->message; }
    ErrorData *data() const noexcept { return data_; }

private:
    ErrorData *data_;  // palloc'd: freed with its memory context
};

// An error of ours with a SQLSTATE of its own. `expected` ones are answers, not faults: their statement
// and context stay out of the log.
class Failure : public std::exception {
public:
    Failure(int sqlstate, std::string message, std::string detail = "", std::string hint = "",
            bool expected = false)
        : sqlstate_(sqlstate),
          message_(std::move(message)),
          detail_(std::move(detail)),
          hint_(std::move(hint)),
          expected_(expected)
    {
    }
    const char *what() const noexcept override { return message_.c_str(); }
    int sqlstate() const noexcept { return sqlstate_; }
    const char *detail() const noexcept { return detail_.c_str(); }
    const char *hint() const noexcept { return hint_.c_str(); }
    bool expected() const noexcept { return expected_; }

private:
    int sqlstate_;
    std::string message_;
    std::string detail_;
    std::string hint_;
    bool expected_;
};

// Puts the server's error stack back however the scope is left, by a throw too.
class ErrorStack {
public:
    ErrorStack() noexcept : jump_(PG_exception_stack), context_(error_context_stack) {}
    ~ErrorStack()
    {
        PG_exception_stack = jump_;
        error_context_stack = context_;
    }
    ErrorStack(const ErrorStack &) = delete;
    ErrorStack &operator=(const ErrorStack &) = delete;

private:
    sigjmp_buf *jump_;
    ErrorContextCallback *context_;
};

// Where caught errors are kept when they must outlive their transaction: set by the worker, which logs
// them after the abort. Elsewhere they stay with the caller.
inline MemoryContext caught_errors = nullptr;

namespace detail {

// Noinline, so that what the fast path keeps in registers never meets the setjmp's second return.
[[noreturn]] inline void __attribute__((noinline, cold)) throw_current_error(MemoryContext caller)
{
    MemoryContextSwitchTo(caught_errors ? caught_errors : caller);
    ErrorData *data = CopyErrorData();
    MemoryContextSwitchTo(caller);
    FlushErrorState();
    throw Error(data);
}

}  // namespace detail

// Runs f, which calls the server and owns nothing; throws Error where the server raises one.
template <std::invocable F>
std::invoke_result_t<F> call(F &&f)
{
    MemoryContext caller = CurrentMemoryContext;
    {
        ErrorStack restore;
        sigjmp_buf here;
        if (sigsetjmp(here, 0) == 0) {
            PG_exception_stack = &here;
            return std::forward<F>(f)();
        }
    }
    detail::throw_current_error(caller);
}

// What is left of a C++ exception once it is destroyed: plain bytes, safe to jump over.
struct Report {
    ErrorData *server = nullptr;
    int code = ERRCODE_INTERNAL_ERROR;
    bool expected = false;
    char message[512] = "";
    char detail[512] = "";
    char hint[512] = "";

    void set(int sqlstate, const char *text, const char *more = "", const char *advice = "") noexcept
    {
        code = sqlstate;
        strlcpy(message, text, sizeof message);
        strlcpy(detail, more, sizeof detail);
        strlcpy(hint, advice, sizeof hint);
    }
};

// Runs f, ordinary C++, for the server: whatever it throws is raised as a server error.
template <std::invocable F>
std::invoke_result_t<F> wall(F &&f)
{
    Report report;
    try {
        return std::forward<F>(f)();
    } catch (const Error &e) {
        report.server = e.data();
    } catch (const Failure &e) {
        report.set(e.sqlstate(), e.what(), e.detail(), e.hint());
        report.expected = e.expected();
    } catch (const core::InvalidInput &e) {
        report.set(ERRCODE_INVALID_PARAMETER_VALUE, e.what(), e.detail().c_str(), e.hint().c_str());
    } catch (const std::bad_alloc &) {
        report.set(ERRCODE_OUT_OF_MEMORY, "out of memory");
    } catch (const std::exception &e) {
        report.set(ERRCODE_INTERNAL_ERROR, e.what());
    } catch (...) {
        report.set(ERRCODE_INTERNAL_ERROR, "unrecognized C++ exception");
    }

    if (report.server)
        ReThrowError(report.server);
    ereport(ERROR, errcode(report.code), errmsg("%s", report.message),
            report.detail[0] ? errdetail("%s", report.detail) : 0,
            report.hint[0] ? errhint("%s", report.hint) : 0, report.expected ? errhidestmt(true) : 0,
            report.expected ? errhidecontext(true) : 0);
    pg_unreachable();
}

// What the row is made of that a SQL-callable function returns. Calls the server: behind call().
inline TupleDesc result_row(FunctionCallInfo fcinfo)
{
    TupleDesc descriptor = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    return BlessTupleDesc(descriptor);
}

}  // namespace videoroom::pg

// Declares a SQL-callable function whose body is ordinary C++, behind the wall.
#define VIDEOROOM_FUNCTION(name)                                              \
    static Datum name##_body(FunctionCallInfo fcinfo);                        \
    extern "C" {                                                              \
    PG_FUNCTION_INFO_V1(name);                                                \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS)                                  \
    {                                                                         \
        return videoroom::pg::wall([fcinfo] { return name##_body(fcinfo); }); \
    }                                                                         \
    }                                                                         \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
