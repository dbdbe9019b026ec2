#include "worker/account.hpp"

#include "core/url.hpp"
#include "pg/credentials.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"

namespace videoroom::worker {
namespace {

void log_failure(const pg::Failure &failure)
{
    pg::call([&] {
        ereport(LOG, errmsg("videoroom makes no calls: %s", failure.what()),
                errdetail("%s", failure.detail()), errhint("%s", failure.hint()));
    });
}

void show(pg::shared::Database *database, const std::string &account_sid)
{
    pg::shared::Locked locked(pg::shared::state());
    strlcpy(database->account, account_sid.c_str(), sizeof database->account);
}

}  // namespace

Account::Account(Gate &gate, pg::shared::Database *database) : gate_(gate), database_(database) {}

void Account::reload()
{
    callback_url_.clear();
    try {
        const core::Credentials &credentials = pg::credentials();
        int generation = pg::credentials_generation();
        show(database_, credentials.account_sid);
        gate_.use(credentials.account_sid, generation != generation_);
        generation_ = generation;
        usable_ = true;
    } catch (const pg::Failure &failure) {
        if (usable_ || generation_ < 0)
            log_failure(failure);
        generation_ = 0;
        usable_ = false;
    }
}

pg::shared::Pause Account::pause() const
{
    using pg::shared::Pause;
    if (!usable_)
        return Pause::no_credentials;
    return gate_.closed() ? Pause::account : Pause::none;
}

const std::string &Account::callback_url()
{
    if (callback_url_.empty() && *pg::settings::callback_url) {
        pg::Transaction transaction;
        const char *name = pg::call([] { return get_database_name(MyDatabaseId); });
        callback_url_ =
            core::with_retry_policy(core::expand_callback_url(pg::settings::callback_url, name ? name : ""));
        transaction.commit();
    }
    return callback_url_;
}

}  // namespace videoroom::worker
