// The simulated Twilio itself: rooms, the people in them, and what time does to both. Knows no HTTP.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>

#include "crypto.hpp"
#include "error.hpp"
#include "room.hpp"

namespace sim {

struct RoomFilter {
    std::string status = "in-progress";
    std::optional<std::string> unique_name;
    std::optional<Time> created_after, created_before;
};

struct ParticipantFilter {
    std::optional<std::string> status, identity;
    std::optional<Time> created_after, created_before;
};

template <class Item>
struct Page {
    std::vector<Item> items;  // newest first
    bool more = false;        // there is another page behind the last item
};

struct Join {
    std::string room, identity;
    std::optional<std::string> grant;  // the token's room
    std::optional<Time> token_expires_at;
};

struct Snapshot {
    Room room;
    std::vector<Participant> participants;
    std::vector<HistoryEntry> history;
};

/// All members may be called from any thread. A room is named by its SID or, while in progress, by its
/// UniqueName. Whatever Twilio would refuse throws ApiError with Twilio's code.
class World {
public:
    using Notify = std::function<void(const Notice &)>;

    World(const Clock &clock, const SettingsStore &settings, Random &random, Notify notify);
    ~World();
    World(const World &) = delete;
    World &operator=(const World &) = delete;

    // what the REST API does
    Room create(Room wanted);
    Room fetch(const std::string &room);
    Room complete(const std::string &room);
    /// `behind` is the SID of the last room of the page before.
    Page<Room> list(const RoomFilter &filter, const std::optional<std::string> &behind, std::size_t size);
    Participant participant(const std::string &room, const std::string &sid_or_identity);
    Participant remove(const std::string &room, const std::string &sid_or_identity);
    Participant anonymize(const std::string &room, const std::string &sid_or_identity);
    Page<Participant> list(const std::string &room, const ParticipantFilter &filter,
                           const std::optional<std::string> &behind, std::size_t size);

    // what people, and Twilio itself, do
    Participant connect(const Join &join);
    /// With `late`, the client has crashed and Twilio sees it that much later.
    Participant disconnect(const std::string &participant_sid, std::optional<Time> late);
    void track(const std::string &participant_sid, const std::string &event, const std::string &kind);
    Room end(const std::string &room, const std::string &status);

    // what the test sees
    std::vector<Snapshot> snapshots(const std::string &sid_or_name);  // empty: all of them
    /// SID and UniqueName of the room that this path segment means, empty texts for none.
    std::pair<std::string, std::string> names_of(const std::string &room);
    Json counts();
    void clock_moved();
    void reset();

private:
    struct Record {
        Room room;
        std::string callback_url;
        std::vector<Participant> participants;
        std::vector<HistoryEntry> history;
        std::optional<Time> empty_since;
        std::optional<Time> deadline;
        std::int64_t sequence = 0;
    };
    using Lock = std::unique_lock<std::mutex>;

    // world.cpp; the lock is held in all of these
    Time enter();  // brings everything up to date
    Record *find(const std::string &room);
    Record &visible(const std::string &room, Time now);
    bool hidden(const Record &record, Time now) const;
    Record &add(Room room, Time now);
    void end_room(Record &record, Time at, const std::string &status, const std::string &why);

    // people.cpp
    Participant *find_participant(Record &record, const std::string &sid_or_identity);
    Participant &visible_participant(Record &record, const std::string &sid_or_identity);
    std::pair<Record *, Participant *> by_sid(const std::string &participant_sid);
    Record &joinable(const Join &join, Time now);
    void end_participant(Record &record, Participant &participant, Time at, const std::string &why);
    void note(Record &record, Time at, const std::string &event, const Participant *participant,
              const std::string &why, const Form &more = {});

    // timers.cpp
    Time participant_due(const Record &record, const Participant &participant) const;
    Time room_due(const Record &record) const;
    void schedule(Record &record);
    void settle(Record &record, Time at);
    void settle_until(Time now);
    void run_timers();

    const Clock &clock_;
    const SettingsStore &settings_;
    Random &random_;
    Notify notify_;
    std::mutex mutex_;
    std::deque<std::unique_ptr<Record>> records_;  // by ordinal
    std::unordered_map<std::string, Record *> by_sid_, live_by_name_, by_participant_;
    std::map<std::size_t, Record *> live_;  // by ordinal
    std::set<std::pair<Time, std::size_t>> deadlines_;
    std::int64_t connected_ = 0;
    std::condition_variable timers_changed_;
    bool stopping_ = false;
    std::thread timers_;
};

}  // namespace sim
