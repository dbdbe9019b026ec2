/*
 * How classes of work share the calls in flight, the quota of writes, failures and memory: none starves, none
 * takes more than its share, whatever the others meet with. check.sh runs it; README.md says what is modelled.
 *
 * Three classes have rows: 0 somebody asked, 1 somebody waits, 2 nobody waits; the fourth has none, only reads.
 * Each step is one turn at the quota, one answer, or something new that is due. Calls may hang for ever, and
 * answers may never be recorded: nothing below relies on either.
 */

#define ROWS 3
#define BACKGROUND 3
#define CLASSES 4
#define SLOTS 5
#define QUARTER 1                       /* of the slots */
#define KEPT 2                          /* answers of no row that are kept until they can be recorded */

/* How long a turn of a class takes by the clock of the turns: the heavier, the shorter. */
#define TURN(c) ((c) == 1 -> 1 : ((c) == 0 -> 2 : 4))
/* So many turns of others at most while a class wants one: twice as many as its share has between two. */
#define PATIENCE(c) ((c) == 1 -> 3 : ((c) == 0 -> 6 : 13))

bool wants[CLASSES];                    /* something is due */
byte in_flight[CLASSES];
bool waits[ROWS];
short begin[ROWS], end_[ROWS];          /* of the turn waited for, of the last one; from now */
byte passed_over[ROWS];
byte unrecorded[CLASSES];               /* answers whose rooms somebody holds */
byte failures;                          /* of background reads, in a row */
bool crowded;                              /* Twilio has as many rooms as the account may have */
bool probe;                             /* a second has passed: one may be tried */

hidden byte i, k, chosen, used, idle_others, room;
hidden byte candidate[ROWS];

inline count_room(c)
{
    used = in_flight[0] + in_flight[1] + in_flight[2] + in_flight[BACKGROUND];
    idle_others = 0;
    i = 0;
    do
    :: i < CLASSES ->
        if
        :: i != c && in_flight[i] == 0 -> idle_others++
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0;
#ifdef FAULT_NO_PLACE_IS_KEPT
    idle_others = 0;
#endif
#ifdef FAULT_UNRECORDED_ANSWERS_COUNT
    used = used + unrecorded[0] + unrecorded[1] + unrecorded[2] + unrecorded[BACKGROUND];
#endif
    room = (used + idle_others < SLOTS -> SLOTS - used - idle_others : 0);
#ifndef FAULT_BACKGROUND_TAKES_ALL
    if
    :: c == BACKGROUND && in_flight[c] >= QUARTER -> room = 0
    :: else
    fi
#else
    skip
#endif
}

/* Makes rooms: held back while Twilio has no room for another. */
#define MAKES(c) ((c) == 1)
#ifdef FAULT_LIMIT_HOLDS_ALL
#define HELD(c) (crowded && !probe)
#else
#define HELD(c) (crowded && !probe && MAKES(c))
#endif
#ifdef FAULT_SHARED_FAILURES
#define OPEN (failures < 2)
#else
#define OPEN true
#endif

inline take_turn()
{
    chosen = CLASSES;
    i = 0;
    do
    :: i < ROWS ->
        if
        :: candidate[i] ->
            if
            :: !waits[i] -> begin[i] = (end_[i] > 0 -> end_[i] : 0)
            :: else
            fi;
            waits[i] = true;
            if
#ifdef FAULT_STRICT_PRIORITY
            :: chosen == CLASSES -> chosen = i
#else
            :: chosen == CLASSES || begin[i] + TURN(i) < begin[chosen] + TURN(chosen) -> chosen = i
#endif
            :: else
            fi
        :: else -> waits[i] = false; begin[i] = 0; passed_over[i] = 0
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* The clock of the turns moves to where the chosen one begins, and is 0 again. */
inline move_clock()
{
    room = (begin[chosen] > 0 -> begin[chosen] : 0);
    end_[chosen] = begin[chosen] + TURN(chosen);
    waits[chosen] = false;
    i = 0;
    do
    :: i < ROWS ->
        begin[i] = (waits[i] -> begin[i] - room : 0);
        end_[i] = (end_[i] > room -> end_[i] - room : 0);
        if
        :: i != chosen && candidate[i] -> passed_over[i]++; assert(passed_over[i] <= PATIENCE(i))    /* none starves */
        :: else -> passed_over[i] = 0
        fi;
        i++
    :: else -> break
    od;
    i = 0;
    room = 0
}

active proctype Worker()
{
    do
    :: d_step {                         /* a turn at the quota of writes */
        k = 0;
        do
        :: k < ROWS -> count_room(k); candidate[k] = wants[k] && room > 0 && !HELD(k) && OPEN; k++
        :: else -> break
        od;
        k = 0;
        take_turn();
        if
        :: chosen < CLASSES ->
            in_flight[chosen]++;
            wants[chosen] = false;
            if :: MAKES(chosen) -> probe = false :: else fi;
            move_clock()
        :: else
        fi;
        candidate[0] = false; candidate[1] = false; candidate[2] = false;
        chosen = 0; used = 0; idle_others = 0; room = 0
       }
    :: d_step {                         /* a read that nobody waits for */
        count_room(BACKGROUND);
        if
        :: wants[BACKGROUND] && room > 0 -> in_flight[BACKGROUND]++; wants[BACKGROUND] = false
        :: else
        fi;
        used = 0; idle_others = 0; room = 0
       }
    od
}

active proctype World()
{
    do
    :: d_step { !wants[0] -> wants[0] = true }
    :: d_step { !wants[1] -> wants[1] = true }
    :: d_step { !wants[2] -> wants[2] = true }
    :: d_step { !wants[BACKGROUND] -> wants[BACKGROUND] = true }
    :: d_step { in_flight[0] -> in_flight[0]--; crowded = false }          /* something ended */
    :: d_step { in_flight[1] -> in_flight[1]--; crowded = false }          /* a room was made */
    :: d_step { in_flight[1] -> in_flight[1]--; crowded = true; probe = false }
    :: d_step { in_flight[2] -> in_flight[2]-- }
    :: d_step { in_flight[BACKGROUND] -> in_flight[BACKGROUND]--; failures = 0 }
    :: d_step { in_flight[BACKGROUND] && failures < 2 -> in_flight[BACKGROUND]--; failures++ }
    :: d_step { in_flight[BACKGROUND] ->                                /* its room is held */
            in_flight[BACKGROUND]--;
#ifndef FAULT_UNRECORDED_WITHOUT_BOUND
            if :: unrecorded[BACKGROUND] < KEPT -> unrecorded[BACKGROUND]++ :: else fi
#else
            unrecorded[BACKGROUND]++
#endif
       }
    :: d_step { unrecorded[BACKGROUND] -> unrecorded[BACKGROUND]-- }
    :: d_step { crowded && !probe -> probe = true }
    od
}

#define PLACE(c) (in_flight[c] > 0 || in_flight[0] + in_flight[1] + in_flight[2] + in_flight[BACKGROUND] < SLOTS)

/* In every state: what may the quota be spent on? */
active proctype Claims()
{
    do
    :: d_step {
        assert(PLACE(0) && PLACE(1) && PLACE(2) && PLACE(BACKGROUND));  /* who has nothing under way has a place */
        assert(in_flight[BACKGROUND] <= QUARTER);
        assert(unrecorded[BACKGROUND] <= KEPT);
        k = 0;
        do
        :: k < ROWS -> count_room(k); assert(in_flight[k] > 0 || room > 0); assert(OPEN); assert(!HELD(0)); k++
        :: else -> break
        od;
        k = 0; used = 0; idle_others = 0; room = 0
       }
    od
}
