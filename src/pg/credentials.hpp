// The credentials file, read when first needed and again after every reload of the configuration.
#pragma once

#include <optional>

#include "core/credentials.hpp"
#include "core/error.hpp"

namespace videoroom::pg {

// What the credentials file holds now. After a reload a file that cannot be taken leaves the ones in use
// in force, with a warning in the log; a process that never had any throws Failure 55000 with the reason.
const core::Credentials &credentials();

// Counts the times that credentials() came to hold something else.
int credentials_generation();

// Why the file as it is now cannot be taken; nullopt if it can. For videoroom_health().
std::optional<core::InvalidInput> credentials_problem();

}  // namespace videoroom::pg
