#include "worker/answer_batch.hpp"

#include "worker/actions/reads.hpp"

namespace videoroom::worker {
namespace {

pg::Statement other_open_sessions = {R"(
    SELECT room_id, room_sid FROM videoroom.session
     WHERE room_id = ANY ($1) AND room_sid <> ALL ($2) AND ended_at IS NULL)"};

}  // namespace

AnswerBatch::AnswerBatch(pg::Spi &spi, TimestampTz resume_at) : spi_(spi), resume_at_(resume_at) {}

void AnswerBatch::add(const Answered &answered, bool closed)
{
    Recording(spi_, answered, closed, resume_at_, facts_, effects_).take();
}

// A name is unique among rooms in progress: whatever else we hold open under it is over.
void AnswerBatch::ask_about_others()
{
    std::vector<std::string> rooms, sids;
    for (const auto &[room_id, room_sid] : effects_.made) {
        rooms.push_back(room_id);
        sids.push_back(room_sid);
    }
    pg::Rows others = spi_.execute(other_open_sessions, {pg::text_array(rooms), pg::text_array(sids)});
    for (uint64 i = 0; i < others.count(); i++)
        effects_.follow_ups.push_back(read_session(others.text(i, 1).value(), others.text(i, 2).value()));
}

Effects AnswerBatch::write()
{
    facts_.write(spi_);
    if (!effects_.made.empty())
        ask_about_others();
    return std::move(effects_);
}

}  // namespace videoroom::worker
