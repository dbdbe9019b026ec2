// Rows written without a plan, as logical replication writes them: of what a booking's INSERT took, starting
// and ending the executor was a fifth, of which half is left. For what is inserted defaults, generated
// columns, CHECKs, unique and foreign keys and row triggers hold as ever, for an update less, see there;
// statement triggers, rules and row security do not, and our tables have none. Rights on the table are not
// looked at: the right to call the function is the guard.
#pragma once

#include <initializer_list>
#include <vector>

#include "pg/lookup.hpp"
#include "pg/spi.hpp"

namespace videoroom::pg {

// INSERT INTO videoroom.<table> (columns) VALUES (values): row after row, a value of the column's very type
// for each of the columns. To look up and prepare one default takes a tenth as long as to write a row:
// where it matters, say the value.
void insert(const char *table, std::initializer_list<const char *> columns, const std::vector<Value> &values);

// UPDATE videoroom.<table> SET column = value, of a row that the active snapshot shows; false if somebody has
// changed it since, after waiting for whoever does. Only for a column that no CHECK, generated column or
// foreign key looks at: to prepare them, and triggers, takes as long again. Indexes follow, replicas learn
// of it. Once for a row under one snapshot. Belongs inside pg::call.
bool update(const Table &table, HeapTuple row, const char *column, const Value &value);

// The next value of a sequence of ours, such as an identity column's.
Value next_value(const char *sequence);

}  // namespace videoroom::pg
