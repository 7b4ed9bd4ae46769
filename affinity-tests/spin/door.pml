/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol by which an interrupt reaches its receiver: notify() and push() of native/src/percpu.c on one side, the
 * receiving thread in raised sections and in library sleeps on the other.
 *
 * Posters push a value and notify. The receiver raises its level and lowers it again, sleeps until its own handler wakes it,
 * and then waits for interrupts, on the bell of its own or, as the worker of a queue, on the bell behind the door.
 *
 * What is checked: no handler runs while the level masks its line, what came before the level is lowered has run when that returns, each value is handled once, and neither a wake-up nor
 * an interrupt is lost (a receiver that sleeps for ever is an invalid end state).
 *
 * mutants: NO_LOOK_AFTER_LOWERING CLEAR_AFTER_TAKING NO_DOOR_RING NO_LOOK_BEFORE_SLEEP
 * sizes: POSTERS=2 POSTERS=3
 */
#ifndef POSTERS
#define POSTERS 2
#endif

byte values;   /* in the line's ring */
byte handled;
bit notified;  /* the line's bit in percpu_receiver.pending */
bit masks;     /* whether the level masks the line */
bit woken;     /* Sleep.woken */

bit rung[2];   /* the receiver's own bell, and the bell behind the door */
bit asleep[2];
bit door;      /* whether the receiver's door leads to bell 1 */

inline ring(bell) {
    d_step { was = rung[bell]; rung[bell] = 1 }
    if
    :: was == 0 -> asleep[bell] = 0
    :: else
    fi
}

inline await_bell(bell) {
    do
    :: d_step { rung[bell] == 1 -> rung[bell] = 0 }; break
    :: atomic { rung[bell] == 0 -> asleep[bell] = 1 }; asleep[bell] == 0
    od
}

/* deliver() and notify() */
proctype poster() {
    bit was;
    values++;
    notified = 1;
    ring(0);
    if
    :: door ->
#ifndef NO_DOOR_RING
       ring(1)
#else
       skip
#endif
    :: else
    fi
}

/* Runs the handler for each value, if the level allows. */
inline poll() {
    ran = 0;
    do
    :: notified && !masks ->
#ifndef CLEAR_AFTER_TAKING
       notified = 0;
#endif
       do
       :: values > 0 -> values--; assert(!masks); handled++; ran = 1;
          /* The handler wakes the sleeper, as that of a disk wakes biowait. */
          woken = 1;
          ring(0)
       :: values == 0 -> break
       od;
#ifdef CLEAR_AFTER_TAKING
       notified = 0
#endif
    :: else -> break
    od;
    skip
}

proctype receiver() {
    bit ran, owed, was;
    byte before;
    /* A raised section. */
    masks = 1;
    poll();
    d_step { masks = 0; owed = notified; before = handled }
#ifndef NO_LOOK_AFTER_LOWERING
    poll();
#endif
    assert(!owed || handled > before);
    /* Sleep.await */
    do
    :: woken -> break
    :: else ->
#ifndef NO_LOOK_BEFORE_SLEEP
       poll();
#else
       ran = 0;
#endif
       if
       :: ran
       :: else -> await_bell(0)
       fi
    od;
    /* A worker: sleeps on the bell of its queue. */
    door = 1;
    do
    :: handled == POSTERS -> break
    :: else ->
       poll();
       if
       :: ran
       :: else -> await_bell(1)
       fi
    od
}

init {
    byte n = 0;
    atomic {
        run receiver();
        do
        :: n == POSTERS -> break
        :: else -> run poster(); n++
        od
    }
    _nr_pr == 1;
    assert(values == 0 && handled == POSTERS)
}
