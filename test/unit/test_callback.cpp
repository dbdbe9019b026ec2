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

std::string not_understood(const Form &form)
{
    return decode_callback(form, account).not_understood;
}

bool applied(const Form &form)
{
    return ignored(form).empty() && not_understood(form).empty();
}

TEST(Callback, AllEventsOfRoomsParticipantsAndTracksAreApplied)
{
    for (const char *event : {"room-created", "room-ended"})
        EXPECT_TRUE(applied(room_event(event))) << event;
    for (const char *event : {"participant-connected", "participant-disconnected"})
        EXPECT_TRUE(applied(participant_event(event))) << event;
    for (const char *event : {"track-added", "track-removed", "track-enabled", "track-disabled"})
        EXPECT_TRUE(applied(track_event(event))) << event;
}

TEST(Callback, PayloadHoldsAllParametersAsStrings)
{
    const DecodedCallback decoded =
        decode_callback(and_also(participant_event("participant-connected"), "New", "7"), account);
    EXPECT_EQ(decoded.ignored + decoded.not_understood, "");
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
    EXPECT_EQ(decoded.ignored + decoded.not_understood, "");
    EXPECT_EQ(decoded.payload.at("StatusCallbackEvent"), "participant-connected");
}

TEST(Callback, WhatIsNotUsedMayBeAbsentOrAnything)
{
    for (const char *name : {"RoomStatus", "RoomType", "RoomDuration", "SequenceNumber", "ParticipantStatus",
                             "ParticipantDuration", "TrackSid", "TrackKind", "TrackName"}) {
        EXPECT_TRUE(applied(without(track_event("track-added"), name))) << name;
        for (const char *value : {"", "event", "waiting", "-1", "1.5", "RM1", "a\nb"})
            EXPECT_TRUE(applied(with(track_event("track-added"), name, value))) << name << value;
    }
    EXPECT_TRUE(applied(with(room_event("room-ended"), "ParticipantSid", "junk")));
    EXPECT_TRUE(applied(with(room_event("room-ended"), "ParticipantIdentity", "")));
}

TEST(Callback, DurationThatIsNoneIsLeftOut)
{
    const Form form = participant_event("participant-disconnected");
    EXPECT_EQ(
        decode_callback(with(form, "ParticipantDuration", "120"), account).payload.at("ParticipantDuration"),
        "120");
    for (const char *value : {"", "-1", "1.5", "1234567890", "12s"}) {
        const DecodedCallback decoded = decode_callback(with(form, "ParticipantDuration", value), account);
        EXPECT_EQ(decoded.not_understood, "") << value;
        EXPECT_FALSE(decoded.payload.contains("ParticipantDuration")) << value;
    }
}

TEST(Callback, DocumentedEventsThatNobodyUsesAreIgnored)
{
    for (const char *event :
         {"recording-started", "recording-completed", "recording-failed", "composition-enqueued",
          "composition-hook-failed", "composition-started", "composition-available", "composition-progress",
          "composition-failed", "recording_completed"})
        EXPECT_EQ(ignored(without(room_event(event), "RoomName")),
                  "the event is none of a room, participant or track")
            << event;
}

TEST(Callback, EventsThatNobodyKnowsAreNotUnderstood)
{
    for (const char *event : {"room-updated", "", "Room-Created", "room created", "roomcreated",
                              "room-created2", "participant-connected-again"})
        EXPECT_EQ(not_understood(room_event(event)), "the event is not known") << event;
    EXPECT_EQ(not_understood({}), "AccountSid is missing");
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
    for (const char *name : {"AccountSid", "RoomName", "RoomSid", "StatusCallbackEvent", "Timestamp",
                             "ParticipantSid", "ParticipantIdentity"})
        EXPECT_EQ(not_understood(without(track_event("track-added"), name)),
                  std::string(name) + " is missing");
}

TEST(Callback, WhatIsUsedHasStrictPatterns)
{
    const std::pair<const char *, const char *> cases[] = {
        {"AccountSid", "AC1"},
        {"AccountSid", ""},
        {"RoomSid", "PA0123456789abcdef0123456789abcdef"},
        {"RoomSid", "RM0123456789abcdef0123456789abcdef "},
        {"Timestamp", "2017-08-09 09:18:04"},
        {"Timestamp", "2017-08-09T09:18:04.195Z1"},
        {"Timestamp", ""},
        {"ParticipantSid", "MT0123456789abcdef0123456789abcdef"},
        {"ParticipantIdentity", ""},
        {"ParticipantIdentity", "a\nb"}};
    for (const auto &[name, value] : cases)
        EXPECT_EQ(not_understood(with(track_event("track-added"), name, value)),
                  std::string(name) + " is malformed")
            << value;
}

TEST(Callback, WhatIsUsedMayBeThereOnce)
{
    EXPECT_EQ(
        not_understood(and_also(room_event("room-created"), "RoomSid", "RM0123456789abcdef0123456789abcdef")),
        "RoomSid is there twice");
    EXPECT_EQ(not_understood(and_also(participant_event("track-added"), "ParticipantIdentity", "z")),
              "ParticipantIdentity is there twice");
    const Form form = and_also(and_also(room_event("room-created"), "New", "1"), "New", "2");
    EXPECT_TRUE(applied(form));
    EXPECT_EQ(decode_callback(form, account).payload.at("New"), "1");
}

TEST(Callback, NewParametersAreLetThroughWhereverTheySort)
{
    for (const char *name :
         {"", "ApiVersion", "AccountSidOwner", "RoomNameShown", "RoomSidBefore", "ParticipantKind",
          "ParticipantIdentityKind", "ParticipantSidOfOwner", "StatusCallbackEventId", "TimestampSent",
          "SequenceNumberOfRoom", "TrackName", "ZZ"})
        for (const char *value : {"", "x", "2010-04-01"})
            EXPECT_TRUE(applied(and_also(participant_event("participant-connected"), name, value)))
                << name << value;
}

TEST(Callback, WhatStandsBehindAnIdentityIsTold)
{
    const Form form = participant_event("participant-connected");
    EXPECT_FALSE(decode_callback(form, account).behind);
    EXPECT_EQ(decode_callback(and_also(form, "ParticipantKind", "bot"), account).behind,
              "ParticipantKindbot");
    EXPECT_EQ(
        decode_callback(and_also(and_also(form, "ParticipantKind", "bot"), "ParticipantRole", ""), account)
            .behind,
        "ParticipantKindbotParticipantRole");
    EXPECT_EQ(decode_callback(with(form, "ParticipantIdentity", "bobParticipantKindbot"), account).behind,
              "");
    EXPECT_FALSE(decode_callback(with(form, "ParticipantIdentity", "Participant 7"), account).behind);
    EXPECT_FALSE(
        decode_callback(and_also(room_event("room-ended"), "ParticipantKind", "bot"), account).behind);
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
        and_also(without(honest, "RoomSid"), "RoomS", "idRM0123456789abcdef0123456789abcdef"),
        and_also(without(honest, "RoomSid"), "RoomSidRM0123456789abcdef", "0123456789abcdef"),
        and_also(without(honest, "Timestamp"), "Timestam", "p2017-08-09T09:18:04.195Z"),
    };
    for (const Form &moved : cases) {
        ASSERT_EQ(signed_text(moved), signed_text(honest));
        EXPECT_NE(not_understood(moved), "") << signed_text(moved);
    }
}

// What is told lets the room's people decide: see receive_callback.sql.
TEST(Callback, IdentityThatWasCutShortOrDrawnOutShowsIt)
{
    const Form longer =
        with(participant_event("participant-connected"), "ParticipantIdentity", "bobParticipantJunk");
    const Form cut = and_also(with(longer, "ParticipantIdentity", "bob"), "ParticipantJunk", "");
    ASSERT_EQ(signed_text(cut), signed_text(longer));
    EXPECT_EQ(decode_callback(cut, account).behind, "ParticipantJunk");
    EXPECT_EQ(decode_callback(longer, account).behind, "");
}

TEST(Callback, IdentityThatCouldHaveBegunElsewhereIsNotBelieved)
{
    // As if Twilio let people caption themselves, and somebody did so with a parameter.
    const Form honest = with(with(participant_event("participant-connected"), "ParticipantIdentity", "eve"),
                             "ParticipantCaption", "xParticipantIdentitybob");
    const Form forged = and_also(with(with(honest, "ParticipantIdentity", "bob"), "ParticipantCaption", "x"),
                                 "ParticipantIdentityeve", "");
    ASSERT_EQ(signed_text(forged), signed_text(honest));
    EXPECT_EQ(not_understood(forged), "ParticipantIdentity could stand elsewhere too");
    EXPECT_EQ(not_understood(honest), "ParticipantIdentity could stand elsewhere too");
}

TEST(Callback, IdentityThatHoldsAParameterWithItsValueIsNotBelieved)
{
    const Form form = participant_event("participant-connected");
    for (const char *name :
         {"xParticipantSidPA0123456789abcdef0123456789abcdef", "RoomName0af0123456789ABCDEFabcdxy",
          "Timestamp2017-08-09T09:18:04Z", "StatusCallbackEventroom-ended"})
        EXPECT_NE(not_understood(with(form, "ParticipantIdentity", name)), "") << name;
    for (const char *name : {"RoomName", "Timestamp of the ages", "ParticipantSidney"})
        EXPECT_TRUE(applied(with(form, "ParticipantIdentity", name))) << name;
}

TEST(Callback, DurationCannotBeHiddenInAnotherParameter)
{
    const Form honest = and_also(
        and_also(participant_event("participant-disconnected"), "ParticipantDuration", "120"), "Other", "x");
    EXPECT_TRUE(applied(honest));
    const Form twice = with(honest, "Other", "xParticipantDuration7");
    EXPECT_TRUE(applied(twice));
    EXPECT_FALSE(decode_callback(twice, account).payload.contains("ParticipantDuration"));
}

}  // namespace
}  // namespace videoroom::core
