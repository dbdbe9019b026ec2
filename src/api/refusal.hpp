// How the functions say no: a SQLSTATE PTnnn, which PostgREST turns into HTTP status nnn, one constant
// message, and a DETAIL in JSON whose `reason` a program can act on.
#pragma once

#include "core/json.hpp"
#include "pg/guard.hpp"

namespace videoroom::api {

struct Refusal {
    int sqlstate;
    const char *message;
    const char *reason;
};

// A refusal on its way to the caller.
class Refused : public pg::Failure {
public:
    Refused(const Refusal &refusal, std::string detail)
        : Failure(refusal.sqlstate, refusal.message, std::move(detail), "", true), reason_(refusal.reason)
    {
    }
    const char *reason() const noexcept { return reason_; }

private:
    const char *reason_;
};

namespace refusal {

constexpr int unauthorized = MAKE_SQLSTATE('P', 'T', '4', '0', '1');
constexpr int forbidden = MAKE_SQLSTATE('P', 'T', '4', '0', '3');
constexpr int not_found = MAKE_SQLSTATE('P', 'T', '4', '0', '4');
constexpr int conflict = MAKE_SQLSTATE('P', 'T', '4', '0', '9');
constexpr int unavailable = MAKE_SQLSTATE('P', 'T', '5', '0', '3');

inline constexpr Refusal no_claim{unauthorized, "no identity", "no-claim"};
inline constexpr Refusal bad_claim{unauthorized, "no identity", "bad-claim"};

inline constexpr Refusal not_participant{forbidden, "not a participant", "not-participant"};
inline constexpr Refusal removed{forbidden, "not a participant", "removed"};
inline constexpr Refusal not_open{forbidden, "room not open yet", "not-open"};
inline constexpr Refusal forged{forbidden, "callback not verified", "forged"};
inline constexpr Refusal malformed{forbidden, "callback not verified", "malformed"};

inline constexpr Refusal unknown_room{not_found, "room not found", "unknown"};
inline constexpr Refusal unknown_booking{not_found, "booking not found", "unknown"};
inline constexpr Refusal unknown_call{not_found, "outbox row not found", "unknown"};
inline constexpr Refusal unknown_participant{not_found, "participant not found", "not-participant"};
inline constexpr Refusal cancelled{not_found, "room cancelled", "cancelled"};
inline constexpr Refusal over{not_found, "room over", "over"};

inline constexpr Refusal already_booked{conflict, "booking has an open room", "open"};
inline constexpr Refusal change_cancelled{conflict, "room cancelled", "cancelled"};
inline constexpr Refusal change_over{conflict, "room over", "over"};
inline constexpr Refusal call_alive{conflict, "outbox row not given up", "alive"};

inline constexpr Refusal not_ready{unavailable, "room not ready", "not-ready"};
inline constexpr Refusal uncommitted{unavailable, "room not ready", "uncommitted"};
inline constexpr Refusal standby{unavailable, "room not ready", "standby"};
inline constexpr Refusal failed{unavailable, "room not ready", "failed"};
inline constexpr Refusal refused{unavailable, "room not ready", "refused"};
inline constexpr Refusal no_worker{unavailable, "room not ready", "no-worker"};
inline constexpr Refusal paused{unavailable, "room not ready", "paused"};
inline constexpr Refusal busy{unavailable, "room not ready", "busy"};

}  // namespace refusal

// Throws it, with one more member in its detail where there is one.
[[noreturn]] void refuse(const Refusal &refusal, std::string_view key = "", std::string_view value = "");

}  // namespace videoroom::api
