/*
 * How a Twilio room is made, ended and never forgotten: the outbox, the worker, Twilio and everything that
 * can go wrong between them. README.md beside this file says what is modelled; check.sh runs it.
 *
 * One step of a process is one transaction, one message or one tick of the clock, never more. Every run
 * ends (check.sh proves that there is no cycle), and at its end, when nothing can move, process Quiet
 * states the claims.
 */

#ifndef ROOMS
#define ROOMS 1         /* 2: the second is booked in the transaction that cancels the first (reschedule) */
#endif
#ifndef CRASHES
#define CRASHES 1       /* deaths of the worker */
#endif
#ifndef LOSSES
#define LOSSES 2        /* requests or answers lost, late or refused */
#endif
#ifndef ENDS
#define ENDS 1          /* sessions that Twilio ends by itself: unused or empty for too long */
#endif
#ifndef JOINS
#define JOINS 1         /* joins that find no usable session */
#endif
#ifndef EARLY
#define EARLY 1         /* looks by name before the resolve window has passed */
#endif
#ifndef DEATHS
#define DEATHS 0        /* creates that Twilio refuses for good, and what the operator then does */
#endif
#if !defined(REPEATS) && !defined(FAULT_LAST_CALLBACK_WINS)
#define ONE_DELIVERY
#endif
#define SIDS 5          /* sessions of a room; asserted to be enough */

#define AT(r, s) ((r) * (SIDS + 1) + (s))

/* ---- the database: what a crash keeps ---- */

bool booked[ROOMS], closed[ROOMS];
bool locked[ROOMS];                     /* a client's open transaction holds the room */
bool create_row[ROOMS], create_sent[ROOMS];
bool complete_row[ROOMS], complete_due[ROOMS];
bool refused_row[ROOMS];                /* Twilio refused the create for good, an earlier one is not resolved yet */
bool dead[ROOMS];                       /* the create row was given up; it waits for retry or discard */

#define UNKNOWN 0
#define OPEN 1
#define ENDED 2
byte session[ROOMS * (SIDS + 1)];       /* by sid: UNKNOWN, OPEN, ENDED; only ever rises */

/* ---- Twilio ---- */

byte twilio[ROOMS * (SIDS + 1)];        /* by sid: UNKNOWN, OPEN, ENDED, and it is the truth */
byte current[ROOMS];                    /* the sid in progress under the room's name, 0: none */
byte last_sid[ROOMS];

#define UNDER_WAY 1
#define APPLIED 2                       /* or come too late to tell anything new */
#define AGAIN 3                         /* applied, and delivered a second time */
byte created_callback[ROOMS * (SIDS + 1)], ended_callback[ROOMS * (SIDS + 1)];

/* ---- the network and time ---- */

byte late[ROOMS];                       /* creates nobody waits for any more that may still arrive */
byte late_uncovered[ROOMS];             /* the same, sent after the moment sent_at names (a fault) */
bool window_passed[ROOMS];              /* resolve window since sent_at: nothing sent by then can arrive now */

/* ---- the worker's memory: lost in a crash ---- */

mtype:phase = { idle, request, answer, halfway, decided };
mtype:call = { nothing, post, adopt, resolve, complete_sid, complete_name };
mtype:said = { silence, created, exists, found, missing, done, already, lost, refused, hopeless };

mtype:phase phase[ROOMS] = idle;
mtype:call call[ROOMS] = nothing;
mtype:said said[ROOMS] = silence;
byte sid[ROOMS];
bool sent_before[ROOMS];                /* sent_at was set before this attempt */
bool earlier[ROOMS];                    /* and what was sent then may still arrive */
bool judged[ROOMS];                     /* the window had passed before this look was sent */
bool uncovered[ROOMS];

byte crashes = CRASHES, losses = LOSSES, ends = ENDS, joins = JOINS, early = EARLY;
byte deaths = DEATHS, deeds = DEATHS;
bool discarded[ROOMS];                  /* not in the tables: the operator did without a session */
bool no_again[ROOMS];                   /* not in the tables: refused for good since it was last asked for by hand */
bool calm;                              /* from here on nothing happens by itself, what is under way still ends */

#ifdef WITNESS
bool born_late;                         /* a create that nobody waited for made a room after it was closed */
#endif

hidden byte i, open_sid, ended_sid, list_sid;

/* ---- rules of the data ---- */

inline look(r)
{
    open_sid = 0;
    ended_sid = 0;
    i = 1;
    do
    :: i <= SIDS ->
        if
        :: session[AT(r, i)] == OPEN && !open_sid -> open_sid = i
        :: session[AT(r, i)] == ENDED -> ended_sid = i
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

inline settle(r)
{
    look(r);
    if
    :: open_sid -> complete_row[r] = true      /* due when the clock says so, at once for a cancelled room */
    :: !open_sid && ended_sid && !closed[r] && !create_row[r] && !dead[r] -> create_row[r] = true; create_sent[r] = false
    :: else
    fi;
    open_sid = 0;
    ended_sid = 0
}

inline record(r, s, fact)
{
    if
    :: session[AT(r, s)] < fact -> session[AT(r, s)] = fact
    :: else
    fi;
#ifdef ONE_DELIVERY                     /* a callback that tells nothing new changes nothing: fewer states */
    created_callback[AT(r, s)] = APPLIED;
    if
    :: fact == ENDED -> ended_callback[AT(r, s)] = APPLIED
    :: else
    fi
#endif
}

/* A create row goes only when nothing it sent can still be born, and what was born is known. */
inline drop_create(r)
{
#if !defined(SWEEP) && !defined(ONLY_THE_END)
    assert(late[r] + late_uncovered[r] == 0);
    assert(current[r] == 0 || session[AT(r, current[r])] != UNKNOWN);
#endif
    create_row[r] = false;
    create_sent[r] = false;
    refused_row[r] = false;
    window_passed[r] = false
}

/* Given up: nothing that it sent can still be born. */
inline bury_create(r)
{
    assert(no_again[r]);                /* of a refusal, and of one that came since it was asked for */
    drop_create(r);
    dead[r] = true
}

inline drop_complete(r)
{
    complete_row[r] = false;
    complete_due[r] = false
}

inline forget(r)
{
    phase[r] = idle;
    call[r] = nothing;
    said[r] = silence;
    sid[r] = 0;
    sent_before[r] = false;
    earlier[r] = false;
    judged[r] = false;
    uncovered[r] = false
}

/* ---- Twilio's side of a call ---- */

inline be_born(r)
{
    assert(current[r] == 0);            /* never two in progress under one name */
    assert(last_sid[r] < SIDS);         /* the model's bound, not a claim */
    last_sid[r]++;
    current[r] = last_sid[r];
    twilio[AT(r, current[r])] = OPEN;
    created_callback[AT(r, current[r])] = UNDER_WAY
}

inline be_over(r)
{
    twilio[AT(r, current[r])] = ENDED;
    ended_callback[AT(r, current[r])] = UNDER_WAY;
    current[r] = 0
}

inline serve(r)
{
    if
    :: call[r] == post ->
        if
#ifdef FAULT_NO_UNIQUE_NAME
        :: true -> be_born(r); said[r] = created; sid[r] = current[r]
#else
        :: !current[r] -> be_born(r); said[r] = created; sid[r] = current[r]
        :: else -> said[r] = exists
#endif
        fi
    :: call[r] == adopt || call[r] == resolve ->
        if
        :: current[r] -> said[r] = found; sid[r] = current[r]
        :: else -> said[r] = missing
        fi
    :: call[r] == complete_sid ->
        if
        :: current[r] == sid[r] -> be_over(r); said[r] = done
        :: else -> said[r] = already
        fi
    :: call[r] == complete_name ->
        if
        :: current[r] -> sid[r] = current[r]; be_over(r); said[r] = done
        :: else -> said[r] = missing
        fi
    fi;
    phase[r] = answer
}

inline note_late(r)
{
#ifdef WITNESS
    born_late = born_late || closed[r];
#endif
    skip
}

inline stray(r)                         /* nobody waits for this request any more */
{
    if
    :: phase[r] == request && call[r] == post && !uncovered[r] -> late[r]++
    :: phase[r] == request && call[r] == post && uncovered[r] -> late_uncovered[r]++
    :: else
    fi
}

active [ROOMS] proctype Twilio()
{
    byte r = _pid % ROOMS;
end:
    do
    :: d_step { phase[r] == request -> serve(r) }
    :: d_step { phase[r] == request && call[r] == post && losses && !calm ->    /* no answer in time; the */
            losses--; stray(r); phase[r] = answer; said[r] = lost }             /* request may come through */
    :: d_step { phase[r] == request && losses && !calm ->               /* 429, never left: it did nothing */
            losses--; phase[r] = answer; said[r] = refused }
    :: d_step { phase[r] == request && call[r] == post && deaths && !calm ->    /* a permanent code */
            deaths--; phase[r] = answer; said[r] = hopeless }
    :: d_step { phase[r] == request && losses && !calm ->               /* served, and the answer lost */
            losses--; serve(r); said[r] = lost; sid[r] = 0 }
    :: d_step { current[r] && ends && !calm -> ends--; be_over(r) }
    :: d_step { late[r] -> late[r]--; if :: !current[r] -> be_born(r); note_late(r) :: else fi }
    :: d_step { late[r] -> late[r]-- }
    :: d_step { late_uncovered[r] -> late_uncovered[r]--; if :: !current[r] -> be_born(r) :: else fi }
    od
}

/* ---- clients and the clock ---- */

inline cancel(r)
{
    closed[r] = true;
    complete_row[r] = true;
    complete_due[r] = true
#ifdef FAULT_CANCEL_DELETES_CREATE
    ;
    create_row[r] = false
#endif
}

active proctype Client()
{
    d_step { booked[0] = true; create_row[0] = true };
end:
    d_step { !locked[0] && !closed[0] && !calm -> locked[0] = true };
    d_step {
        cancel(0);
#if ROOMS > 1
        booked[1] = true;
        create_row[1] = true;
#endif
        locked[0] = false
    }
}

/* Retry and discard, under the room's lock as any client. */
#if DEATHS > 0
inline retry(r)
{
    dead[r] = false;
    create_row[r] = true;
    create_sent[r] = false;
    no_again[r] = false;
#ifdef FAULT_RETRY_KEEPS_REFUSAL
    refused_row[r] = true
#else
    refused_row[r] = false
#endif
}

active proctype Operator()
{
end:
    do
    :: d_step { dead[0] && deeds && !locked[0] && !calm -> deeds--; retry(0) }
    :: d_step { dead[0] && deeds && !locked[0] && !calm -> deeds--; dead[0] = false; discarded[0] = true }
#ifdef FAULT_DISCARD_ALIVE
    :: d_step { create_row[0] && deeds && !locked[0] && !calm ->
            deeds--; create_row[0] = false; create_sent[0] = false; discarded[0] = true }
#endif
    od
}
#endif

active proctype Calm()
{
    d_step { booked[0] -> calm = true }
}

/* The resolve window outlasts what was sent by sent_at. STALLS: unless the worker slept before it sent. */
#ifdef STALLS
#define WAITED_FOR(r) (!late[r])
#else
#define WAITED_FOR(r) (!late[r] && !(phase[r] == request && call[r] == post && !uncovered[r]))
#endif

active [ROOMS] proctype Clock()
{
    byte r = _pid % ROOMS;
end:
    do
    :: d_step { booked[r] && !closed[r] && !locked[r] && !calm -> closed[r] = true; settle(r) }  /* window over */
    :: d_step { closed[r] && complete_row[r] && !complete_due[r] -> complete_due[r] = true }
    :: d_step { create_sent[r] && !window_passed[r] && WAITED_FOR(r) -> window_passed[r] = true }
    od
}

/* ---- the worker ---- */

inline send(r, what)
{
    phase[r] = request;
    call[r] = what
}

inline post_create(r)
{
    sent_before[r] = create_sent[r];
    earlier[r] = create_sent[r] && !window_passed[r];
#ifdef FAULT_SENT_AT_NOT_RENEWED
    uncovered[r] = create_sent[r];
    create_sent[r] = true;
#else
    window_passed[r] = false;
#ifndef FAULT_SENT_NOT_COMMITTED
    create_sent[r] = true;
#endif
#endif
#ifdef FAULT_DELETE_BEFORE_ANSWER
    create_row[r] = false;
    create_sent[r] = false;
#endif
    send(r, post)
}

inline claim_create(r)
{
    look(r);
    if
#ifdef FAULT_DROP_SENT_CREATE
    :: closed[r] -> drop_create(r)
#else
    :: closed[r] && !create_sent[r] -> drop_create(r)
    :: closed[r] && create_sent[r] ->
        judged[r] = window_passed[r];
        if :: !judged[r] -> early-- :: else fi;
        send(r, resolve)
#endif
    :: !closed[r] && create_sent[r] && refused_row[r] && !open_sid ->
        judged[r] = window_passed[r];
        send(r, resolve)
#ifndef FAULT_ONE_ANSWER_RESOLVES_ALL
    :: !closed[r] && create_sent[r] && open_sid -> judged[r] = true; send(r, resolve)
#endif
    :: else -> post_create(r)
    fi;
    open_sid = 0;
    ended_sid = 0
}

/* Is there anything to do for the create row now? Waiting for the window is not. */
#define CREATE_DUE(r) (create_row[r] && (!create_sent[r] || window_passed[r] || (closed[r] && early) || \
                                         (!closed[r] && !HAS_OPEN(r) && !refused_row[r])))
#define IS_OPEN(r, s) (session[AT(r, s)] == OPEN)
#define HAS_OPEN(r) (IS_OPEN(r, 1) || IS_OPEN(r, 2) || IS_OPEN(r, 3) || IS_OPEN(r, 4) || IS_OPEN(r, 5))
#define PENDING(r) (create_row[r] && create_sent[r])
#define COMPLETE_DUE(r) (complete_row[r] && complete_due[r] && (HAS_OPEN(r) || !PENDING(r) || early))

inline claim_complete(r)
{
    look(r);
    if
    :: open_sid -> sid[r] = open_sid; send(r, complete_sid)
    :: !open_sid && PENDING(r) -> early--; send(r, complete_name)
    :: else ->
#ifdef FAULT_DECIDE_BEFORE_LOCK
        phase[r] = decided
#else
        drop_complete(r)
#endif
    fi;
    open_sid = 0;
    ended_sid = 0
}

inline adopt_session(r, resolved)
{
    record(r, sid[r], OPEN);
    refused_row[r] = false;
    if
    :: resolved -> drop_create(r)
    :: else
    fi;
#ifndef FAULT_NO_SETTLE_AFTER_RECORD
    settle(r);
#endif
    forget(r)
}

#ifdef FAULT_ONE_ANSWER_RESOLVES_ALL
#define RESOLVED_BY_POST(r) true
#define RESOLVED_BY_LOOK(r) true
#else
#define RESOLVED_BY_POST(r) (!earlier[r])
#define RESOLVED_BY_LOOK(r) (judged[r])
#endif

#ifdef FAULT_NO_WINDOW
#define NEVER_BORN(r) true
#else
#ifdef FAULT_WINDOW_JUDGED_AT_ANSWER
#define NEVER_BORN(r) (window_passed[r])
#else
#define NEVER_BORN(r) (judged[r])
#endif
#endif

inline record_answer(r)
{
    if
    :: call[r] == post && said[r] == created ->
#ifdef FAULT_RECORD_IN_TWO_TRANSACTIONS
        create_row[r] = false; create_sent[r] = false; phase[r] = halfway
#else
        adopt_session(r, RESOLVED_BY_POST(r))
#endif
    :: call[r] == post && said[r] == exists ->
#ifdef FAULT_EXISTS_IS_FAILURE
        create_row[r] = false; create_sent[r] = false; forget(r)
#else
        said[r] = silence; send(r, adopt)
#endif
#ifdef FAULT_SENT_NOT_COMMITTED
    :: call[r] == post && said[r] == lost -> create_sent[r] = true; forget(r)
#endif
#ifdef FAULT_DIES_UNRESOLVED
    :: call[r] == post && said[r] == refused && sent_before[r] ->
        create_row[r] = false; create_sent[r] = false; forget(r)
#endif
    :: call[r] == post && said[r] == hopeless ->
        no_again[r] = true;
        if
#ifndef FAULT_DIES_WHILE_SENT
        :: sent_before[r] -> create_sent[r] = true; refused_row[r] = true
#endif
        :: !sent_before[r] && closed[r] -> drop_create(r)
        :: else -> bury_create(r)
        fi;
        forget(r)
#ifndef FAULT_WINDOW_SINCE_SENT_AT_ONLY
    :: call[r] == post && said[r] == lost -> window_passed[r] = false; forget(r)
#endif
    :: call[r] == post && said[r] == refused ->
#ifdef FAULT_REFUSAL_CLEARS_SENT
        create_sent[r] = false;
#else
#ifdef FAULT_REFUSAL_CLEARS_OLD_SENT
        create_sent[r] = earlier[r];
#else
        create_sent[r] = sent_before[r];
#endif
#endif
        forget(r)
    :: call[r] == adopt && said[r] == found -> adopt_session(r, RESOLVED_BY_POST(r))
    :: call[r] == resolve && said[r] == found -> adopt_session(r, RESOLVED_BY_LOOK(r))
    :: call[r] == resolve && said[r] == missing ->
        if
        :: NEVER_BORN(r) && refused_row[r] && !closed[r] -> bury_create(r); settle(r)
        :: NEVER_BORN(r) && !(refused_row[r] && !closed[r]) -> drop_create(r); settle(r)
        :: else
        fi;
        forget(r)
    :: (call[r] == complete_sid || call[r] == complete_name) && (said[r] == done || said[r] == already) ->
#ifdef FAULT_ALREADY_SO_NOT_RECORDED
        if :: said[r] == done -> record(r, sid[r], ENDED) :: else fi;
#else
        record(r, sid[r], ENDED);
#endif
#ifdef FAULT_SETTLE_BEFORE_DELETE
        settle(r); drop_complete(r);
#else
        drop_complete(r); settle(r);
#endif
        forget(r)
#ifdef FAULT_COMPLETE_DONE_ON_404_WHILE_CREATE_PENDING
    :: call[r] == complete_name && said[r] == missing -> drop_complete(r); forget(r)
#endif
    :: else -> forget(r)                /* lost, or it says nothing: the row stays */
    fi
}

inline crash(r)
{
    stray(r);
#ifndef FAULT_WINDOW_SINCE_SENT_AT_ONLY
    window_passed[r] = false;           /* a worker counts from its own start, too */
#endif
    forget(r)
}

active [ROOMS] proctype Worker()
{
    byte r = _pid % ROOMS;
end:
    do
    :: d_step { phase[r] == idle && !locked[r] && CREATE_DUE(r) -> claim_create(r) }
    :: d_step { phase[r] == idle && !locked[r] && COMPLETE_DUE(r) -> claim_complete(r) }
    :: d_step { phase[r] == answer && !locked[r] -> record_answer(r) }
    :: d_step { phase[r] == idle && !locked[r] && booked[r] && !closed[r] && !create_row[r] && !dead[r] && joins && !calm ->
            joins--; create_row[r] = true; create_sent[r] = false }
    :: d_step { phase[r] == idle && !locked[r] && booked[r] && !closed[r] && PENDING(r) && !refused_row[r] && joins && !calm ->
            joins--; post_create(r) }
#ifdef FAULT_RECORD_IN_TWO_TRANSACTIONS
    :: d_step { phase[r] == halfway && !locked[r] -> record(r, sid[r], OPEN); settle(r); forget(r) }
#endif
#ifdef FAULT_DECIDE_BEFORE_LOCK
    :: d_step { phase[r] == decided && !locked[r] -> drop_complete(r); forget(r) }
#endif
    od
}

active proctype Crash()
{
end:
    do
#if ROOMS > 1
    :: d_step { crashes && !calm && (phase[0] != idle || phase[1] != idle) -> crashes--; crash(0); crash(1) }
#else
    :: d_step { crashes && !calm && phase[0] != idle -> crashes--; crash(0) }
#endif
    od
}

/* ---- a restored copy that takes the original's place: all that came after the copy was made is forgotten ---- */

#ifdef RESTORE
bool was_closed, was_create_row, was_create_sent, was_complete_row, was_complete_due;
byte was_session[SIDS + 1];

active proctype Restore()
{
end:
    d_step {
        booked[0] && !locked[0] && !calm ->
        was_closed = closed[0];
        was_create_row = create_row[0];
        was_create_sent = create_sent[0];
        was_complete_row = complete_row[0];
        was_complete_due = complete_due[0];
        i = 1;
        do
        :: i <= SIDS -> was_session[i] = session[AT(0, i)]; i++
        :: else -> break
        od;
        i = 0
    };
end_copied:
    d_step {
        !locked[0] && !calm ->
        crash(0);
        closed[0] = was_closed;
        create_row[0] = was_create_row;
        create_sent[0] = was_create_sent;
        complete_row[0] = was_complete_row;
        complete_due[0] = was_complete_due;
        window_passed[0] = false;
        i = 1;
        do
        :: i <= SIDS -> session[AT(0, i)] = was_session[i]; was_session[i] = 0; i++
        :: else -> break
        od;
        i = 0
    }
}
#endif

/* ---- callbacks: any order, twice, or never ---- */

inline deliver(callback)
{
#ifdef REPEATS
    callback = (callback == UNDER_WAY -> AGAIN : APPLIED)
#else
    callback = APPLIED
#endif
}

inline apply_created(r, s)
{
    deliver(created_callback[AT(r, s)]);
#ifdef FAULT_LAST_CALLBACK_WINS
    session[AT(r, s)] = OPEN;
#else
    record(r, s, OPEN);
#endif
#ifndef FAULT_CALLBACK_WITHOUT_SETTLE
    settle(r)
#endif
}

inline apply_ended(r, s)
{
    deliver(ended_callback[AT(r, s)]);
    record(r, s, ENDED);
    settle(r)
}

#define COMES(callback) ((callback == UNDER_WAY || callback == AGAIN) && !locked[r] && !calm)
#define DELIVERIES(s) \
    :: d_step { COMES(created_callback[AT(r, s)]) -> apply_created(r, s) } \
    :: d_step { COMES(ended_callback[AT(r, s)]) -> apply_ended(r, s) }

/* What has not come when calm sets in is lost. */
active [ROOMS] proctype Callbacks()
{
    byte r = _pid % ROOMS;
end:
    do
    DELIVERIES(1)
    DELIVERIES(2)
    DELIVERIES(3)
    DELIVERIES(4)
    DELIVERIES(5)
    od
}

/* ---- the sweep: reads a listing now, applies it later ---- */

#ifdef SWEEP
#define DIFFERS(r, s) ((twilio[AT(r, s)] == OPEN) != IS_OPEN(r, s))
#define DISAGREE(r) (DIFFERS(r, 1) || DIFFERS(r, 2) || DIFFERS(r, 3) || DIFFERS(r, 4) || DIFFERS(r, 5))

bool listed[ROOMS], swept_once[ROOMS];
byte listing[ROOMS];

inline apply_listing(r)
{
    list_sid = 1;
    do
    :: list_sid <= SIDS ->
        if
        :: listing[r] == list_sid -> record(r, list_sid, OPEN)
#ifdef FAULT_SWEEP_TRUSTS_ABSENCE
        :: listing[r] != list_sid && IS_OPEN(r, list_sid) -> session[AT(r, list_sid)] = ENDED
#else
        :: listing[r] != list_sid && IS_OPEN(r, list_sid) && twilio[AT(r, list_sid)] == ENDED ->  /* read by sid */
            session[AT(r, list_sid)] = ENDED
#endif
        :: else
        fi;
        list_sid++
    :: else -> break
    od;
    list_sid = 0;
    listing[r] = 0;
    listed[r] = false;
    settle(r)
}

/* Once at any moment, and then whenever it would find something: a sweep that changes nothing is no step. */
active [ROOMS] proctype Sweep()
{
    byte r = _pid % ROOMS;
end:
    do
    :: d_step { booked[r] && !listed[r] && (!swept_once[r] || DISAGREE(r)) ->
            swept_once[r] = true; listed[r] = true; listing[r] = current[r] }
    :: d_step { listed[r] && !locked[r] -> apply_listing(r) }
    od
}
#endif

/* ---- the claims ---- */

inline check(r)
{
    assert(!locked[r] && phase[r] == idle);
    assert(!create_row[r]);                                     /* no row is stuck */
    assert(!complete_row[r] || !complete_due[r]);
    if
    :: closed[r] ->
        assert(current[r] == 0);                                /* nothing lives on for a closed room */
        assert(!HAS_OPEN(r));                                   /* and the tables say so */
        assert(!complete_row[r])
    :: else ->
        assert(HAS_OPEN(r) || dead[r] || discarded[r]);         /* it has its session */
        assert(!HAS_OPEN(r) || complete_row[r]);                /* whose end is arranged for */
        assert(current[r] == 0 || IS_OPEN(r, current[r]))       /* nothing lives that the tables do not know */
    fi;
    i = 1;
    do
    :: i <= SIDS ->
#ifdef RESTORE
        assert(ended_callback[AT(r, i)] < APPLIED || session[AT(r, i)] != OPEN);
#else
        assert(ended_callback[AT(r, i)] < APPLIED || session[AT(r, i)] == ENDED);
#endif
        assert(session[AT(r, i)] <= twilio[AT(r, i)]);          /* the tables never run ahead of Twilio */
#ifdef SWEEP
        assert(!DIFFERS(r, i));                                 /* with the sweep they agree in full */
#endif
        i++
    :: else -> break
    od;
    i = 0
}

/* What must be possible, or the claims would hold for want of anything happening: these are to be violated. */
inline witness(r)
{
#if WITNESS == 1
    assert(!(!closed[r] && ended_callback[AT(r, 1)] == APPLIED && IS_OPEN(r, 2) && current[r] == 2));
#endif
#if WITNESS == 2
    assert(!(closed[r] && last_sid[r] == 0));
#endif
#if WITNESS == 3
    assert(!(born_late && closed[r]));
#endif
#if WITNESS == 5
    assert(!(discarded[r] && HAS_OPEN(r)));
#endif
#if WITNESS == 6
    assert(!(!deaths && !deeds && !discarded[r] && !closed[r] && HAS_OPEN(r)));
#endif
#if WITNESS == 4
    assert(!(closed[r] && session[AT(r, 1)] == UNKNOWN && session[AT(r, 2)] == ENDED && !crashes));
#endif
    skip
}

active proctype Quiet()
{
    timeout ->
    d_step {
        witness(0);
        check(0);
#if ROOMS > 1
        if :: booked[1] -> check(1) :: else fi;
#endif
        skip
    }
}
