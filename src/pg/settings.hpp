// The settings of the extension, videoroom.*: all reload on SIGHUP, bad values are refused at SET.
#pragma once

#include "pg/postgres.hpp"

namespace videoroom::pg::settings {

// Which joins leave a line in the log.
enum class LogJoins : int { none, refused, all };

extern bool enabled;
extern char *credentials_file;
extern char *api_url;
extern char *callback_url;
extern char *link_template;
extern char *identity_claim;
extern int join_early;    // seconds
extern int join_grace;    // seconds
extern int end_after;     // seconds
extern int join_wait;     // milliseconds
extern int max_waiting;   // sessions
extern int max_requests;  // calls in flight
extern int writes_per_second;
extern int reads_per_second;
extern int request_timeout;     // milliseconds
extern int retry_cap;           // seconds
extern int reconcile_interval;  // seconds
extern int retention;           // seconds
extern bool notify;
extern int log_joins;  // a LogJoins

// Defines them; called once, by _PG_init.
void define();

}  // namespace videoroom::pg::settings
