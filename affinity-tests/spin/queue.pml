/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol by which an item queue hands works to its worker, and ends: org.percpu.queue (Inbox, Doorbell, ItemQueue,
 * SerialQueue), org.percpu's native inbox, and post() of native/src/percpu.c.
 *
 * Java threads append items, C threads post them, one thread closes the queue, one worker runs the items. Each step that
 * is one atomic instruction of the program is one step here; memory is sequentially consistent.
 *
 * What is checked: the worker always ends (a lost wake-up is an invalid end state), no item runs that is not pending, and
 * each append or post that was accepted is followed by a run of its item that begins after it.
 *
 * mutants: NO_SECOND_LOOK NO_RING_ON_LEAVE UNMARK_AFTER_RUN NO_PARK_MARK NO_LOOK_FOR_CLAIMS
 * sizes: ITEMS=1,JAVA=1,C=2 ITEMS=2,JAVA=2,C=1 ITEMS=1,JAVA=2,C=1
 */
#ifndef ITEMS
#define ITEMS 1
#define JAVA 1 /* threads that append */
#define C 2    /* threads that post */
#endif
#define CALLERS (JAVA + C)

mtype = { NONE, PARKED, SHUT, LISTED }; /* the head of the inbox: null, two markers, or a list of items */

mtype head = NONE;
byte listed;        /* the items of that list, a bit for each */
bit pending[ITEMS]; /* Item.owner */
bit marked[ITEMS];  /* percpu_port.pending */
bit due[CALLERS];   /* what the caller wrote and the callback of its item has not read */
bit closing;

byte linked;  /* the native inbox: works that are linked */
byte posters; /* posters inside */
bit shut;
bit ended;

bit rung;   /* the futex word */
bit asleep; /* the worker is in futex_wait */

#define item_of(caller) ((caller) % ITEMS)

/* Doorbell.ring: an exchange, then the system call if the word was 0. */
inline ring() {
    d_step { was = rung; rung = 1 }
    if
    :: was == 0 -> asleep = 0
    :: else
    fi
}

/* Doorbell.await: futex_wait returns at once if the word is not 0, and may return for no reason. */
inline await_bell() {
    do
    :: d_step { rung == 1 -> rung = 0 }; break
    :: atomic { rung == 0 -> asleep = 1 }; asleep == 0
    od
}

/* Inbox.push, of an item that this thread has claimed. */
inline push(i) {
    do
    :: d_step { found = head; list = listed };
       if
       :: found == SHUT -> break
       :: else
       fi;
       if
       :: d_step { head == found && listed == list -> head = LISTED; listed = (found == LISTED -> list : 0) | (1 << i) }; break
       :: else
       fi
    od
}

/* ItemQueue.append; `refused` says whether the queue was closed. */
inline append(i) {
    refused = 0;
    relied = 0;
    do
    :: d_step { pending[i] == 0 -> pending[i] = 1 };
       push(i);
       if
       :: found == PARKED -> ring()
       :: found == SHUT -> pending[i] = 0; refused = 1
       :: else
       fi;
       break
    :: pending[i] == 1 -> relied = 1; break
    od
}

proctype java_thread(byte me) {
    byte list;
    mtype found;
    bit was, refused, relied;
    due[me] = 1;
    append(item_of(me));
    if
    :: refused || relied -> due[me] = 0
    :: else
    fi
}

/* leave_inbox() */
inline leave() {
    d_step { posters--; was = shut }
    if
    :: was ->
#ifndef NO_RING_ON_LEAVE
       ring()
#else
       skip
#endif
    :: else
    fi
}

/* post() */
proctype c_thread(byte me) {
    bit was, found;
    due[me] = 1;
    if
    :: d_step { shut == 0 -> posters++ }
    :: shut == 1 -> due[me] = 0; goto done
    fi;
    d_step { found = marked[item_of(me)]; marked[item_of(me)] = 1 }
    if
    :: found == 1 ->
       if
       :: ended -> due[me] = 0
       :: else
       fi;
       leave()
    :: else ->
       if
       :: d_step { ended == 0 -> linked = linked | (1 << item_of(me)); posters-- }; ring()
       :: ended == 1 ->
          d_step { found = marked[item_of(me)]; marked[item_of(me)] = 0 }
          if
          :: found == 1 -> due[me] = 0
          :: else
          fi;
          leave()
       fi
    fi;
done: skip
}

/* ItemQueue.close */
proctype closer() {
    bit was;
    closing = 1;
    if
    :: d_step { head == PARKED -> head = NONE }; ring()
    :: else
    fi
}

/* NativeInbox.moveAll */
inline take_native() {
    d_step { moved = linked; linked = 0 }
    i = 0;
    do
    :: i == ITEMS -> break
    :: i < ITEMS ->
       if
       :: moved & (1 << i) ->
#ifndef UNMARK_AFTER_RUN
          marked[i] = 0;
#endif
          append(i)
       :: else
       fi;
       i++
    od
}

/* The run of an item: it may be enqueued again before its callback reads. */
inline run_item(i) {
    assert(pending[i]);
    pending[i] = 0;
    d_step {
        caller = 0;
        do
        :: caller == CALLERS -> break
        :: else ->
           if
           :: item_of(caller) == i -> due[caller] = 0
           :: else
           fi;
           caller++
        od;
        caller = 0
    }
#ifdef UNMARK_AFTER_RUN
    marked[i] = 0
#endif
}

/* ItemQueue.park: the worker says that it sleeps, looks once more whether the queue was closed, and sleeps. */
inline park(saw) {
    if
    :: d_step { head == NONE ->
#ifndef NO_PARK_MARK
        head = PARKED
#endif
       }; parks = 1
    :: head == PARKED -> parks = 1
    :: else -> parks = 0
    fi;
    if
    :: parks ->
#ifndef NO_SECOND_LOOK
       if
       :: closing != saw ->
          if
          :: d_step { head == PARKED -> head = NONE }; parks = 0
          :: else
          fi
       :: else
       fi;
#endif
       if
       :: parks -> await_bell()
       :: else
       fi
    :: else
    fi
}

/* SerialQueue.runNext */
proctype worker() {
    byte list, moved, batch, i, caller;
    mtype found;
    bit was, refused, relied, parks, vacant;
    do
    :: take_native();
       if
       :: d_step { head == LISTED -> batch = listed; listed = 0; head = NONE };
          i = 0;
          do
          :: i == ITEMS -> break
          :: i < ITEMS ->
             if
             :: batch & (1 << i) -> run_item(i)
             :: else
             fi;
             i++
          od
       :: else ->
          if
          :: closing ->
             /* closeInboxes: no further poster, then the inbox, then no further link. */
             d_step { shut = 1; vacant = (linked == 0 && posters == 0) }
#ifndef NO_LOOK_FOR_CLAIMS
             /* A post that found its item claimed relies on the thread that has claimed it, and has yet to push it. */
             i = 0;
             do
             :: i < ITEMS && vacant ->
                if
                :: pending[i] -> vacant = 0
                :: else
                fi;
                i++
             :: else -> break
             od;
#endif
             if
             :: vacant ->
                if
                :: d_step { head == NONE || head == PARKED -> head = SHUT };
                   d_step { assert(linked == 0); ended = 1 };
                   break
                :: else
                fi
             :: else ->
                if
                :: posters > 0 -> park(1)
                :: else
                fi
             fi
          :: else -> park(0)
          fi
       fi
    od
}

init {
    byte n = 0;
    atomic {
        run worker();
        run closer();
        do
        :: n == JAVA -> break
        :: else -> run java_thread(n); n++
        od;
        do
        :: n == CALLERS -> break
        :: else -> run c_thread(n); n++
        od
    }
    /* All have ended: nothing that was accepted is left. */
    _nr_pr == 1;
    n = 0;
    do
    :: n == CALLERS -> break
    :: else -> assert(due[n] == 0); n++
    od
}
