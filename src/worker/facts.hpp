// What a batch of answers says of sessions, connections and rows that are done with, gathered to be written
// in sets: to start a statement costs more than to write a row.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/video_api.hpp"
#include "pg/spi.hpp"

namespace videoroom::worker {

class Facts {
public:
    // The session that a create made, as Twilio described it when it was asked at `asked_at`.
    void made(const std::string &room_id, const core::Room &room, TimestampTz asked_at);

    // A session that Twilio has, likewise. `event`: the kind of event that it is if anything about it is new,
    // nullptr for none.
    void session(const std::string &room_id, const core::Room &room, TimestampTz asked_at,
                 const char *event = nullptr);

    // A connection to a session that is known, likewise.
    void connection(const std::string &room_sid, const core::Participant &participant, TimestampTz asked_at);

    // The session was read one by one.
    void read(const std::string &room_sid, TimestampTz at);

    // The row of the outbox is done with.
    void done(int64 outbox_id);

    // What they say is about this room: it is settled.
    void about(const std::string &room_id);

    // Writes them all, and what follows from them.
    void write(pg::Spi &spi) const;

private:
    using Moments = std::vector<std::optional<TimestampTz>>;

    struct Sessions {
        std::vector<std::string> room_id, room_sid;
        std::vector<std::optional<std::string>> event;
        Moments started, ended, alive, over;

        void add(const std::string &room, const core::Room &session, TimestampTz asked_at, const char *kind);
        void add(const Sessions &others, std::size_t number);
    };

    Sessions still_to_merge(pg::Spi &spi) const;

    Sessions made_, sessions_;
    struct {
        std::vector<std::string> participant_sid, room_sid, user_id;
        Moments connected, disconnected, over;
        std::vector<std::optional<int64>> duration;
    } connections_;
    struct {
        std::vector<std::string> room_sid;
        Moments at;
    } reads_;
    std::vector<int64> done_;
    std::vector<std::string> rooms_;
};

}  // namespace videoroom::worker
