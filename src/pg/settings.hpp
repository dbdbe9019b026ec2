// The settings of the extension, videoroom.*: all reload on SIGHUP, bad values are refused at SET.
#pragma once

#include "pg/postgres.hpp"

namespace videoroom::pg::settings {

// Which joins leave a line in the log.
enum class LogJoins : int { none, refused, all };

inline bool enabled = true;
inline char *credentials_file = nullptr;
inline char *api_url = nullptr;
inline char *proxy = nullptr;
inline char *ca_file = nullptr;
inline char *callback_url = nullptr;
inline char *callback_url_secondary = nullptr;
inline char *link_template = nullptr;
inline char *identity_claim = nullptr;
inline int join_early = 15 * 60;  // seconds
inline int join_grace = 15 * 60;  // seconds
inline int end_after = 60 * 60;   // seconds
inline int join_wait = 3000;      // milliseconds
inline int max_waiting = 5;       // sessions
inline int max_requests = 50;     // calls in flight
inline int writes_per_second = 20;
inline int reads_per_second = 80;
inline int request_timeout = 10000;        // milliseconds
inline int retry_cap = 5 * 60;             // seconds
inline int reconcile_interval = 2 * 60;    // seconds
inline int retention = 90 * 24 * 60 * 60;  // seconds
inline bool notify = false;
inline int log_joins = static_cast<int>(LogJoins::refused);  // a LogJoins

// Defines them; called once, by _PG_init.
void define();

// Reads the configuration again, if somebody has asked this process to. Throws Error.
void reload();

}  // namespace videoroom::pg::settings
