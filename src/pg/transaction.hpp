// Transactions of the worker, which has no client to begin and end them.
#pragma once

#include "pg/guard.hpp"

namespace videoroom::pg {

// The extension is not, or no longer, in this database.
class ExtensionGone : public std::exception {
public:
    const char *what() const noexcept override { return "extension videoroom is not in this database"; }
};

// One transaction, with the rights of the owner of the tables; aborted unless commit() is reached.
// It begins with a share lock on the extension, which is what DROP EXTENSION locks first too, so that the
// two cannot deadlock. Throws ExtensionGone where there is none.
class Transaction {
public:
    Transaction();
    ~Transaction();
    Transaction(const Transaction &) = delete;
    Transaction &operator=(const Transaction &) = delete;

    void commit();
    // Commits without waiting for the disk, nor for a synchronous standby: for what a crash only makes us
    // find out again.
    void commit_asynchronously();

private:
    void begin();

    bool open_ = false;
    Oid user_ = InvalidOid;
    int security_ = 0;
};

// One savepoint, rolled back unless release() is reached.
class Savepoint {
public:
    Savepoint();
    ~Savepoint();
    Savepoint(const Savepoint &) = delete;
    Savepoint &operator=(const Savepoint &) = delete;

    void release();

private:
    MemoryContext context_;
    ResourceOwner owner_;
    bool open_ = false;
};

}  // namespace videoroom::pg
