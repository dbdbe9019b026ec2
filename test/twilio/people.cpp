// People in rooms: coming, going, being put out, and the callbacks that tell of it.
#include <algorithm>

#include "text_rules.hpp"
#include "world.hpp"

namespace sim {

Participant *World::find_participant(Record &record, const std::string &sid_or_identity)
{
    for (Participant &participant : record.participants)
        if (participant.sid == sid_or_identity)
            return &participant;
    // Twilio: an identity means a connected participant only
    for (Participant &participant : record.participants)
        if (participant.identity == sid_or_identity && participant.connected())
            return &participant;
    return nullptr;
}

Participant &World::visible_participant(Record &record, const std::string &sid_or_identity)
{
    Participant *participant = find_participant(record, sid_or_identity);
    if (participant == nullptr)
        throw ApiError(settings_.get()->participant_not_found_code, "The requested resource /Rooms/" +
                                                                        record.room.sid + "/Participants/" +
                                                                        sid_or_identity + " was not found");
    return *participant;
}

std::pair<World::Record *, Participant *> World::by_sid(const std::string &participant_sid)
{
    auto found = by_participant_.find(participant_sid);
    if (found == by_participant_.end())
        throw ApiError(53204, "Participant not found");
    return {found->second, find_participant(*found->second, participant_sid)};
}

Participant World::participant(const std::string &room, const std::string &sid_or_identity)
{
    Lock lock(mutex_);
    Time now = enter();
    return visible_participant(visible(room, now), sid_or_identity);
}

Participant World::remove(const std::string &room, const std::string &sid_or_identity)
{
    Lock lock(mutex_);
    Time now = enter();
    Record &record = visible(room, now);
    Participant &participant = visible_participant(record, sid_or_identity);
    if (participant.connected()) {
        end_participant(record, participant, now, "rest");
        Participant removed = participant;
        settle_until(now);
        return removed;
    }
    if (!settings_.get()->remove_twice_is_fine)
        throw ApiError(settings_.get()->participant_not_found_code,
                       "Participant " + participant.sid + " is not connected");
    return participant;
}

Participant World::anonymize(const std::string &room, const std::string &sid_or_identity)
{
    Lock lock(mutex_);
    Time now = enter();
    Participant &participant = visible_participant(visible(room, now), sid_or_identity);
    participant.identity = participant.sid;
    participant.updated_at = now;
    return participant;
}

Page<Participant> World::list(const std::string &room, const ParticipantFilter &filter,
                              const std::optional<std::string> &behind, std::size_t size)
{
    Lock lock(mutex_);
    Time now = enter();
    Record &record = visible(room, now);
    std::size_t before = record.participants.size();
    if (behind) {
        Participant *last = find_participant(record, *behind);
        if (last == nullptr)
            throw ApiError(20001, "Invalid PageToken");
        before = static_cast<std::size_t>(last - record.participants.data());
    }
    // Twilio: connected by default; of a completed room only the disconnected ones, whatever is asked
    std::string status = filter.status.value_or(record.room.in_progress() ? "connected" : "disconnected");
    Page<Participant> page;
    for (std::size_t at = before; at > 0 && !page.more; --at) {
        const Participant &one = record.participants[at - 1];
        bool wanted = one.status == status && (!filter.identity || one.identity == *filter.identity) &&
                      (!filter.created_after || one.created_at > *filter.created_after) &&
                      (!filter.created_before || one.created_at < *filter.created_before);
        if (!wanted)
            continue;
        page.more = page.items.size() == size;
        if (!page.more)
            page.items.push_back(one);
    }
    return page;
}

World::Record &World::joinable(const Join &join, Time now)
{
    auto settings = settings_.get();
    Record *record = find(join.room);
    if (record == nullptr) {
        if (!settings->ad_hoc_rooms || is_sid("RM", join.room))
            throw ApiError(53106, "Room not found");
        if (join.grant && *join.grant != join.room)
            throw ApiError(20106, "Invalid Access Token grants");
        Room room;
        room.unique_name = join.room;
        room.type = settings->room_type_default;
        room.max_participants = settings->max_participants_default;
        room.media_region = settings->media_region_default;
        room.video_codecs = {"VP8", "H264"};
        room.ad_hoc = true;
        room.empty_room_timeout = room.unused_room_timeout = 0;
        return add(std::move(room), now);
    }
    if (join.grant && *join.grant != record->room.unique_name && *join.grant != record->room.sid)
        throw ApiError(20106, "Invalid Access Token grants");
    if (!record->room.in_progress())
        throw ApiError(settings->join_ended_code,
                       settings->join_ended_code == 53106 ? "Room not found" : "Room completed");
    return *record;
}

Participant World::connect(const Join &join)
{
    Lock lock(mutex_);
    Time now = enter();
    check_identity(join.identity);
    Record &record = joinable(join, now);
    auto settings = settings_.get();
    std::int64_t others = 0;
    std::optional<std::size_t> earlier;
    for (std::size_t i = 0; i < record.participants.size(); ++i) {
        bool same = record.participants[i].identity == join.identity;
        if (record.participants[i].connected() && same)
            earlier = i;
        else if (record.participants[i].connected())
            ++others;
    }
    if (others >= record.room.max_participants)
        throw ApiError(53105, "Room contains too many Participants");
    if (connected_ - (earlier ? 1 : 0) >= settings->max_connected)
        throw ApiError(53206, "Maximum number of concurrent Participants has been reached");
    Participant participant;
    participant.sid = random_.sid("PA");
    participant.room_sid = record.room.sid;
    participant.identity = join.identity;
    participant.created_at = participant.updated_at = now;
    participant.token_expires_at = join.token_expires_at;
    record.participants.push_back(participant);
    by_participant_[participant.sid] = &record;
    record.empty_since.reset();
    ++connected_;
    note(record, now, "participant-connected", &participant, "");
    // Twilio: joining with an identity that is in the room disconnects the earlier participant (53205)
    if (earlier)
        end_participant(record, record.participants[*earlier], now, "duplicate-identity");
    schedule(record);
    return participant;
}

Participant World::disconnect(const std::string &participant_sid, std::optional<Time> late)
{
    Lock lock(mutex_);
    Time now = enter();
    auto [record, participant] = by_sid(participant_sid);
    if (!participant->connected())
        throw ApiError(53204, "Participant is not connected");
    if (late) {
        participant->lost_until = now + *late;
        if (settings_.get()->lost_shows_reconnecting)
            participant->status = "reconnecting";
        schedule(*record);
    } else {
        end_participant(*record, *participant, now, "left");
    }
    Participant copy = *participant;
    settle_until(now);
    return copy;
}

void World::track(const std::string &participant_sid, const std::string &event, const std::string &kind)
{
    Lock lock(mutex_);
    Time now = enter();
    auto [record, participant] = by_sid(participant_sid);
    if (!participant->connected())
        throw ApiError(53204, "Participant is not connected");
    note(*record, now, event, participant, "", {{"TrackSid", random_.sid("MT")}, {"TrackKind", kind}});
}

void World::end_participant(Record &record, Participant &participant, Time at, const std::string &why)
{
    participant.status = "disconnected";
    participant.ended_at = participant.updated_at = at;
    participant.lost_until.reset();
    --connected_;
    bool empty = true;
    for (const Participant &other : record.participants)
        empty = empty && !other.connected();
    if (empty)
        record.empty_since = at;
    schedule(record);
    note(record, at, "participant-disconnected", &participant, why,
         {{"ParticipantDuration", std::to_string((at - participant.created_at) / second)}});
}

void World::note(Record &record, Time at, const std::string &event, const Participant *participant,
                 const std::string &why, const Form &more)
{
    record.history.push_back({at, event, participant == nullptr ? "" : participant->sid, why});
    std::int64_t sequence = record.sequence++;
    if (record.callback_url.empty())
        return;
    auto settings = settings_.get();
    if (settings->callback_sequence == "random")
        sequence = static_cast<std::int64_t>(random_.below(1'000'000));
    std::string name = event;
    if (settings->callback_underscores)
        std::replace(name.begin(), name.end(), '-', '_');
    Notice notice{record.room.sid,
                  record.room.unique_name,
                  record.callback_url,
                  record.room.status_callback_method,
                  event,
                  {}};
    notice.params = {{"AccountSid", settings->account_sid},
                     {"RoomName", record.room.unique_name},
                     {"RoomSid", record.room.sid},
                     {"RoomStatus", record.room.status},
                     {"StatusCallbackEvent", name},
                     {"Timestamp", format_milliseconds(at)},
                     {"SequenceNumber", std::to_string(sequence)}};
    if (settings->callback_room_type)
        notice.params.emplace_back("RoomType", record.room.type);
    if (participant != nullptr) {
        notice.params.emplace_back("ParticipantSid", participant->sid);
        notice.params.emplace_back("ParticipantStatus",
                                   participant->connected() ? "connected" : "disconnected");
        notice.params.emplace_back("ParticipantIdentity", participant->identity);
    }
    notice.params.insert(notice.params.end(), more.begin(), more.end());
    for (const auto &extra : decode_form(settings->callback_extra).value_or(Form()))
        notice.params.push_back(extra);
    notify_(notice);
}

}  // namespace sim
