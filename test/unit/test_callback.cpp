#include <gtest/gtest.h>

#include <algorithm>

#include "core/callback.hpp"
#include "core/signature.hpp"

namespace videoroom::core {
namespace {

const std::string account = "AC0123456789abcdef0123456789abcdef";
const std::string room = "0af0123456789ABCDEFabcdxy";

Form room_event(const std::string &event)
{
    return {{"RoomStatus", "in-progress"},
            {"RoomType", "group"},
            {"RoomSid", "RM0123456789abcdef0123456789abcdef"},
            {"RoomName", room},
            {"SequenceNumber", "0"},
            {"StatusCallbackEvent", event},
            {"Timestamp", "2017-08-09T09:18:04.195Z"},
            {"AccountSid", account}};
}

Form participant_event(const std::string &event)
{
    Form form = room_event(event);
    form.emplace_back("ParticipantSid", "PA0123456789abcdef0123456789abcdef");
    form.emplace_back("ParticipantStatus", "connected");
    form.emplace_back("ParticipantIdentity", "Zo\u00EB & co");
    return form;
}

Form track_event(const std::string &event)
{
    Form form = participant_event(event);
    form.emplace_back("TrackSid", "MT0123456789abcdef0123456789abcdef");
    form.emplace_back("TrackKind", "video");
    return form;
}

Form without(Form form, const std::string &name)
{
    std::erase_if(form, [&](const auto &pair) { return pair.first == name; });
    return form;
}

Form with(Form form, const std::string &name, const std::string &value)
{
    form = without(std::move(form), name);
    form.emplace_back(name, value);
    return form;
}

Form and_also(Form form, const std::string &name, const std::string &value)
{
    form.emplace_back(name, value);
    return form;
}

std::string ignored(const Form &form)
{
    return decode_callback(form, account).ignored;
}

TEST(Callback, AllEventsOfRoomsParticipantsAndTracksAreApplied)
{
    for (const char *event : {"room-created", "room-ended"})
        EXPECT_EQ(ignored(room_event(event)), "") << event;
    for (const char *event : {"participant-connected", "participant-disconnected"})
        EXPECT_EQ(ignored(participant_event(event)), "") << event;
    for (const char *event : {"track-added", "track-removed", "track-enabled", "track-disabled"})
        EXPECT_EQ(ignored(track_event(event)), "") << event;
}

TEST(Callback, PayloadHoldsAllParametersAsStrings)
{
    const DecodedCallback decoded =
        decode_callback(and_also(participant_event("participant-connected"), "New", "7"), account);
    EXPECT_EQ(decoded.ignored, "");
    EXPECT_EQ(decoded.room_id, room);
    EXPECT_EQ(decoded.payload.at("StatusCallbackEvent"), "participant-connected");
    EXPECT_EQ(decoded.payload.at("ParticipantIdentity"), "Zo\u00EB & co");
    EXPECT_EQ(decoded.payload.at("SequenceNumber"), "0");
    EXPECT_EQ(decoded.payload.at("New"), "7");
    EXPECT_EQ(decoded.payload.size(), 12U);
}

TEST(Callback, EventsMayBeSpeltWithUnderscores)
{
    const DecodedCallback decoded = decode_callback(participant_event("participant_connected"), account);
    EXPECT_EQ(decoded.ignored, "");
    EXPECT_EQ(decoded.payload.at("StatusCallbackEvent"), "participant-connected");
}

TEST(Callback, OptionalParametersMayBeAbsentOrThere)
{
    EXPECT_EQ(ignored(without(without(room_event("room-created"), "RoomType"), "SequenceNumber")), "");
    EXPECT_EQ(ignored(and_also(room_event("room-ended"), "RoomDuration", "0")), "");
    EXPECT_EQ(ignored(and_also(participant_event("participant-disconnected"), "ParticipantDuration", "120")),
              "");
}

TEST(Callback, OtherEventsAreIgnored)
{
    for (const char *event : {"recording-started", "recording-completed", "composition-available",
                              "room-updated", "", "Room-Created", "room created", "roomcreated"})
        EXPECT_NE(ignored(room_event(event)), "") << event;
    EXPECT_EQ(ignored({}), "StatusCallbackEvent is missing");
    EXPECT_TRUE(decode_callback({}, account).payload.empty());
}

TEST(Callback, OfAnotherAccountOrRoomIsIgnored)
{
    EXPECT_EQ(decode_callback(room_event("room-created"), "ACffffffffffffffffffffffffffffffff").ignored,
              "the account is another");
    EXPECT_EQ(ignored(with(room_event("room-created"), "RoomName", "standup")),
              "the room is not one of ours");
    EXPECT_EQ(ignored(with(room_event("room-created"), "RoomName", "RM0123456789abcdef0123456789abcdef")),
              "the room is not one of ours");
    EXPECT_EQ(decode_callback(with(room_event("room-created"), "RoomName", "standup"), account).room_id, "");
}

TEST(Callback, EachEventNeedsItsSet)
{
    for (const char *name :
         {"AccountSid", "RoomName", "RoomSid", "RoomStatus", "StatusCallbackEvent", "Timestamp",
          "ParticipantSid", "ParticipantIdentity", "ParticipantStatus", "TrackSid", "TrackKind"})
        EXPECT_EQ(ignored(without(track_event("track-added"), name)), std::string(name) + " is missing");
    EXPECT_EQ(ignored(room_event("participant-connected")), "ParticipantIdentity is missing");
    EXPECT_EQ(ignored(participant_event("track-added")), "TrackKind is missing");
}

TEST(Callback, KnownParametersHaveStrictPatterns)
{
    const std::pair<const char *, const char *> cases[] = {
        {"AccountSid", "AC1"},
        {"RoomSid", "PA0123456789abcdef0123456789abcdef"},
        {"RoomSid", "RM0123456789abcdef0123456789abcdef "},
        {"RoomStatus", "in_progress"},
        {"RoomType", "huge"},
        {"SequenceNumber", "-1"},
        {"SequenceNumber", ""},
        {"SequenceNumber", "1234567890"},
        {"Timestamp", "2017-08-09 09:18:04"},
        {"Timestamp", "2017-08-09T09:18:04.195Z1"},
        {"ParticipantSid", "MT0123456789abcdef0123456789abcdef"},
        {"ParticipantStatus", "dis"},
        {"ParticipantIdentity", ""},
        {"ParticipantIdentity", "a\nb"},
        {"ParticipantDuration", "1.5"},
        {"RoomDuration", "x"},
        {"TrackKind", "smell"},
        {"TrackSid", "MT1"}};
    for (const auto &[name, value] : cases)
        EXPECT_EQ(ignored(with(track_event("track-added"), name, value)), std::string(name) + " is malformed")
            << value;
}

TEST(Callback, KnownParameterTwiceIsIgnoredAnotherIsNot)
{
    EXPECT_EQ(ignored(and_also(room_event("room-created"), "RoomSid", "RM0123456789abcdef0123456789abcdef")),
              "RoomSid is there twice");
    const Form form = and_also(and_also(room_event("room-created"), "New", "1"), "New", "2");
    EXPECT_EQ(ignored(form), "");
    EXPECT_EQ(decode_callback(form, account).payload.at("New"), "1");
}

TEST(Callback, UnknownParametersAreLetThrough)
{
    EXPECT_EQ(ignored(and_also(participant_event("participant-connected"), "ApiVersion", "2010-04-01")), "");
    EXPECT_EQ(ignored(and_also(participant_event("participant-connected"), "ZZ", "")), "");
    EXPECT_EQ(ignored(and_also(participant_event("participant-connected"), "", "x")), "");
}

// All of these carry the same signature as the callback they were made from.
TEST(Callback, BytesMovedBetweenNamesAndValuesDoNotGetThrough)
{
    const Form honest = participant_event("participant-disconnected");
    const std::string sid = "PA0123456789abcdef0123456789abcdef";
    const std::string identity = "Zo\u00EB & co";
    const Form cases[] = {
        // the identity swallows the sid
        with(without(honest, "ParticipantSid"), "ParticipantIdentity", identity + "ParticipantSid" + sid),
        // ... and what follows, up to a made-up parameter
        and_also(without(honest, "ParticipantIdentity"), "ParticipantIdentityZo", "\u00EB & co"),
        and_also(without(honest, "ParticipantIdentity"), "ParticipantIdent", "ity" + identity),
        and_also(without(honest, "RoomType"), "RoomTypegroup", ""),
        and_also(without(honest, "RoomType"), "RoomTyp", "egroup"),
        and_also(without(honest, "SequenceNumber"), "SequenceNumber0", ""),
        and_also(without(honest, "SequenceNumber"), "Sequence", "Number0"),
    };
    for (const Form &moved : cases) {
        ASSERT_EQ(signed_text(moved), signed_text(honest));
        EXPECT_NE(ignored(moved), "") << signed_text(moved);
    }
}

TEST(Callback, IdentityCannotBeCutShort)
{
    const Form honest =
        with(participant_event("participant-connected"), "ParticipantIdentity", "bobParticipantJunk");
    const Form moved = and_also(with(honest, "ParticipantIdentity", "bob"), "ParticipantJunk", "");
    ASSERT_EQ(signed_text(moved), signed_text(honest));
    EXPECT_EQ(ignored(honest), "");
    EXPECT_EQ(ignored(moved), "an unknown parameter follows ParticipantIdentity");
}

TEST(Callback, DurationCannotBeHiddenInAnotherParameter)
{
    const Form honest = and_also(
        and_also(participant_event("participant-disconnected"), "ParticipantDuration", "120"), "Other", "x");
    EXPECT_EQ(ignored(honest), "");
    const Form moved = with(without(honest, "ParticipantDuration"), "Other", "xParticipantDuration120");
    ASSERT_EQ(signed_text(moved), signed_text(honest));
    EXPECT_EQ(ignored(moved), "the name ParticipantDuration is part of another parameter");
}

}  // namespace
}  // namespace videoroom::core
