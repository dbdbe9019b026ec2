// Transactions of the worker, which has no client to begin and end them.
#pragma once

#include "pg/spi.hpp"

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
    // Commits to disk, whatever synchronous_commit says: for what must be known after a crash.
    void commit_durably();
    // Commits without waiting for the disk: for what a crash only makes us find out again. A synchronous
    // standby is waited for as ever: what is ready here can be joined there.
    void commit_asynchronously();

private:
    void begin();

    bool open_ = false;
    Oid user_ = InvalidOid;
    int security_ = 0;
};

// Gives what `work` makes of a connection to SPI in one transaction: of the rows it reads nothing may be
// left.
template <std::invocable<Spi &> Work>
auto in_transaction(Work &&work)
{
    Transaction transaction;
    auto result = [&] {
        Spi spi;
        return work(spi);
    }();
    transaction.commit();
    return result;
}

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
