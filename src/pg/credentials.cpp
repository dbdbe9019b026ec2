#include "pg/credentials.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "core/error.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"

namespace videoroom::pg {
namespace {

constexpr std::size_t most_bytes = std::size_t{64} * 1024;

struct Held {
    core::Credentials credentials;
    std::string text;  // to tell whether a reload brought anything new
};

// Lives as long as the process; made at first use, since nothing may run when the library is loaded.
std::unique_ptr<Held> held;
int generation = 0;
TimestampTz looked_at = 0;

class Descriptor {
public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor()
    {
        if (fd_ >= 0)
            close(fd_);
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;
    int get() const noexcept { return fd_; }

private:
    int fd_;
};

[[noreturn]] void unreadable(const std::string &path, const char *why)
{
    throw core::InvalidInput("could not read credentials file \"" + path + "\": " + why);
}

// As the server itself has it of the key of its certificate: nobody else can read it, or root owns it and
// lets a group of the server's read it, as mounted secrets are.
void check_owner(const std::string &path, const struct stat &status)
{
    bool ours = status.st_uid == geteuid();
    bool roots = status.st_uid == 0;
    if (!ours && !roots)
        throw core::InvalidInput(
            "credentials file \"" + path + "\" is neither the server's user's nor root's", {},
            "Run: chown \"$(id -un " + std::to_string(geteuid()) + ")\" " + path);
    mode_t others = ours ? S_IRWXG | S_IRWXO : S_IWGRP | S_IXGRP | S_IRWXO;
    if (status.st_mode & others)
        throw core::InvalidInput("credentials file \"" + path + "\" is accessible to " +
                                     (ours ? "group or others" : "others, or its group can write it"),
                                 {}, std::string("Run: chmod ") + (ours ? "600 " : "640 ") + path);
}

std::string read_file(const std::string &path)
{
    if (path.empty())
        throw core::InvalidInput("videoroom.credentials_file is not set");
    Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status;
    if (file.get() < 0 || fstat(file.get(), &status) != 0)
        unreadable(path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        unreadable(path, "it is not a regular file");
    check_owner(path, status);

    std::string text(most_bytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        ssize_t got = read(file.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            unreadable(path, strerror(errno));
        if (got == 0)
            break;
        size += static_cast<std::size_t>(got);
    }
    if (size > most_bytes)
        unreadable(path, "it is larger than 64 kB");
    text.resize(size);
    return text;
}

core::Credentials parse(const std::string &path, const std::string &text)
{
    try {
        return core::parse_credentials(text);
    } catch (const core::InvalidInput &e) {
        const std::string why = e.detail().empty() ? e.what() : e.detail();
        throw core::InvalidInput("credentials file \"" + path + "\": " + why, {}, e.hint());
    }
}

void reload()
{
    std::string path = settings::credentials_file;
    std::string text = read_file(path);
    if (held && held->text == text)
        return;
    auto fresh = std::make_unique<Held>();
    fresh->credentials = parse(path, text);
    fresh->text = std::move(text);
    held = std::move(fresh);
    generation++;
}

}  // namespace

const core::Credentials &credentials()
{
    if (held && looked_at == PgReloadTime)
        return held->credentials;
    try {
        reload();
    } catch (const core::InvalidInput &e) {
        if (!held)
            throw Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "the Twilio credentials are not available", e.what(),
                          e.hint().empty() ? "Set videoroom.credentials_file and reload." : e.hint());
        std::string problem = e.what();
        call([&] {
            ereport(LOG, errmsg("keeping the credentials in use"), errdetail("%s", problem.c_str()));
        });
    }
    looked_at = PgReloadTime;
    return held->credentials;
}

int credentials_generation()
{
    return generation;
}

std::optional<core::InvalidInput> credentials_problem()
{
    try {
        std::string path = settings::credentials_file;
        parse(path, read_file(path));
        return std::nullopt;
    } catch (const core::InvalidInput &e) {
        return e;
    }
}

}  // namespace videoroom::pg
