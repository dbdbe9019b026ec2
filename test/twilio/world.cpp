#include "world.hpp"

namespace sim {

World::World(const Clock &clock, const SettingsStore &settings, Random &random, Notify notify)
    : clock_(clock), settings_(settings), random_(random), notify_(std::move(notify))
{
    timers_ = std::thread([this] { run_timers(); });
}

World::~World()
{
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    timers_changed_.notify_all();
    timers_.join();
}

Time World::enter()
{
    Time now = clock_.now();
    settle_until(now);
    return now;
}

World::Record *World::find(const std::string &room)
{
    if (auto found = by_sid_.find(room); found != by_sid_.end())
        return found->second;
    auto named = live_by_name_.find(room);
    return named == live_by_name_.end() ? nullptr : named->second;
}

bool World::hidden(const Record &record, Time now) const
{
    auto settings = settings_.get();
    if (now < record.room.created_at + settings->missing_after_creation_ms * millisecond)
        return true;
    return record.room.ended_at &&
           now < *record.room.ended_at + settings->missing_after_completion_ms * millisecond;
}

World::Record &World::visible(const std::string &room, Time now)
{
    Record *record = find(room);
    if (record == nullptr || hidden(*record, now))
        throw ApiError(settings_.get()->room_not_found_code,
                       "The requested resource /Rooms/" + room + " was not found");
    return *record;
}

World::Record &World::add(Room room, Time now)
{
    auto settings = settings_.get();
    if (room.sid.empty())
        room.sid = random_.sid("RM");
    if (room.unique_name.empty())
        room.unique_name = room.sid;
    if (live_by_name_.contains(room.unique_name))
        throw ApiError(53113, "Room exists");
    if (static_cast<std::int64_t>(live_.size()) >= settings->max_rooms)
        throw ApiError(53119, "Maximum number of concurrent Rooms has been reached");
    room.created_at = room.updated_at = now;
    room.ordinal = records_.size();
    Record &record = *records_.emplace_back(std::make_unique<Record>());
    record.room = std::move(room);
    record.callback_url = record.room.status_callback;
    if (record.callback_url.empty())
        record.callback_url =
            record.room.ad_hoc ? settings->ad_hoc_status_callback : settings->default_status_callback;
    by_sid_[record.room.sid] = &record;
    live_by_name_[record.room.unique_name] = &record;
    live_[record.room.ordinal] = &record;
    schedule(record);
    note(record, now, "room-created", nullptr, record.room.ad_hoc ? "ad-hoc" : "rest");
    return record;
}

Room World::create(Room wanted)
{
    Lock lock(mutex_);
    Time now = enter();
    return add(std::move(wanted), now).room;
}

Room World::fetch(const std::string &room)
{
    Lock lock(mutex_);
    Time now = enter();
    return visible(room, now).room;
}

Room World::complete(const std::string &room)
{
    Lock lock(mutex_);
    Time now = enter();
    Record &record = visible(room, now);
    if (!record.room.in_progress())
        throw ApiError(settings_.get()->not_in_progress_code, "Room is not in progress");
    end_room(record, now, "completed", "rest");
    return record.room;
}

Room World::end(const std::string &room, const std::string &status)
{
    Lock lock(mutex_);
    Time now = enter();
    Record *record = find(room);
    if (record == nullptr || !record->room.in_progress())
        throw ApiError(53106, "Room not found, or not in progress");
    end_room(*record, now, status, "control");
    return record->room;
}

void World::end_room(Record &record, Time at, const std::string &status, const std::string &why)
{
    for (Participant &participant : record.participants)
        if (participant.connected())
            end_participant(record, participant, at, "room-ended");
    record.room.status = status;
    record.room.ended_at = record.room.updated_at = at;
    live_by_name_.erase(record.room.unique_name);
    live_.erase(record.room.ordinal);
    schedule(record);
    note(record, at, "room-ended", nullptr, why,
         {{"RoomDuration", std::to_string((at - record.room.created_at) / second)}});
}

Page<Room> World::list(const RoomFilter &filter, const std::optional<std::string> &behind, std::size_t size)
{
    Lock lock(mutex_);
    Time now = enter();
    std::size_t before = records_.size();
    if (behind) {
        auto last = by_sid_.find(*behind);
        if (last == by_sid_.end())
            throw ApiError(20001, "Invalid PageToken");
        before = last->second->room.ordinal;
    }
    Page<Room> page;
    auto take = [&](const Record &record) {
        const Room &room = record.room;
        bool wanted = room.status == filter.status &&
                      (!filter.unique_name || room.unique_name == *filter.unique_name) &&
                      (!filter.created_after || room.created_at >= *filter.created_after) &&
                      (!filter.created_before || room.created_at < *filter.created_before);
        if (wanted && !hidden(record, now)) {
            page.more = page.items.size() == size;
            if (!page.more)
                page.items.push_back(room);
        }
        return !page.more;
    };
    if (filter.status == "in-progress") {
        for (auto at = std::make_reverse_iterator(live_.lower_bound(before));
             at != live_.rend() && take(*at->second);)
            ++at;
    } else {
        for (std::size_t at = before; at > 0 && take(*records_[at - 1]);)
            --at;
    }
    return page;
}

std::vector<Snapshot> World::snapshots(const std::string &sid_or_name)
{
    Lock lock(mutex_);
    enter();
    std::vector<Snapshot> all;
    for (const auto &record : records_)
        if (sid_or_name.empty() || record->room.sid == sid_or_name || record->room.unique_name == sid_or_name)
            all.push_back({record->room, record->participants, record->history});
    return all;
}

std::pair<std::string, std::string> World::names_of(const std::string &room)
{
    Lock lock(mutex_);
    Record *record = find(room);
    return record == nullptr ? std::pair<std::string, std::string>()
                             : std::pair(record->room.sid, record->room.unique_name);
}

Json World::counts()
{
    Lock lock(mutex_);
    enter();
    return Json::object()
        .set("rooms", records_.size())
        .set("rooms_in_progress", live_.size())
        .set("participants", by_participant_.size())
        .set("participants_connected", connected_);
}

void World::reset()
{
    {
        Lock lock(mutex_);
        deadlines_.clear();
        live_.clear();
        live_by_name_.clear();
        by_participant_.clear();
        by_sid_.clear();
        records_.clear();
        connected_ = 0;
    }
    timers_changed_.notify_all();
}

}  // namespace sim
