/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts that libpercpu shares with org.percpu.dispatch.Memory, and the calls that only Java makes. */
#ifndef PERCPU_INTERNAL_H
#define PERCPU_INTERNAL_H

#include "percpu.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* 'PCPU' and a number. The number changes with every change of this file that Java could notice. */
#define PERCPU_ABI INT64_C(0x5043505500000006)

#define PORTS 4096 /* the low bits of a handle are an index, the rest is a generation */
#define RANKS 13   /* the ladder of Ipl */
#define SIGNALS 65
/* at this count callers are refused, and the receiver's thread leaves further signals in the kernel's queue */
#define VALUES PERCPU_VALUES
#define SLOTS (2 * VALUES)   /* the second half is for signals alone: their senders cannot be told to try again */
/* a bit of pending: signals are blocked that the level does not mask. Level 0 does not need this bit */
#define REMASK 1

/*
 * The head of an inbox holds four things: the newest work (NEWEST), the number of posters inside (in units of POSTER),
 * whether further posters are refused (SHUT), and whether the queue has ended (ENDED). After ENDED even a poster inside
 * must not link its work.
 */
#define NEWEST INT64_C(0xffffffff)
#define POSTER (NEWEST + 1)
#define ENDED (INT64_C(1) << 61)
#define SHUT (INT64_C(1) << 62)

/* Who handles a signal. Any other number is the address of a foreign handler. */
enum { BY_DEFAULT, IGNORED, OURS };

enum { STRAY, FOREIGN, COUNTERS };

/* One receiver for each thread that has a level. The cache line belongs to the thread, except pending and bell. */
struct percpu_receiver {
    _Atomic int32_t level;     /* written by the thread, read by the handler on it */
    _Atomic int32_t pending;   /* bit r: something of rank r waits */
    _Atomic int64_t deferred;  /* signals that the handler has blocked */
    _Atomic int32_t bell;      /* futex, 1 is rung */
    int32_t tid;
    _Atomic int64_t deferrals; /* how often the handler has blocked signals */
    _Atomic int64_t spilled;   /* signals that the handler has blocked until a ring has room */
    _Atomic int64_t door;      /* address of a second futex on which the thread may sleep, or 0 */
    int64_t thread;            /* pthread_self() */
    _Atomic int64_t *masks;    /* RANKS sets in the kernel's form: what is blocked at each level */
};

/* The natively posted works of one queue: a list by index + 1, newest first. */
struct percpu_inbox {
    _Atomic int64_t head;
    int64_t bell; /* address of the futex on which the workers sleep */
    int64_t unused[6];
};

struct percpu_slot {
    _Atomic int64_t sequence;
    int64_t value;
};

/* A line or a natively posted work. */
struct percpu_port {
    _Atomic int64_t handle;           /* 0 is closed */
    _Atomic int64_t active;           /* callers inside */
    struct percpu_receiver *receiver; /* of a line */
    struct percpu_inbox *inbox;       /* of a work */
    int64_t rank;                     /* of a line */
    int64_t index;                    /* in the table of ports */
    _Atomic int64_t bound;            /* handle of the work that gets the values of a line, or 0 */
    _Atomic int64_t next;             /* of a work in its inbox */

    _Atomic int64_t pending; /* of a work: in its inbox; of a line: a trigger without value waits */
    _Atomic int64_t spilled; /* 1: a receiver has a signal blocked until there is room */
    _Atomic int64_t received;
    _Atomic int64_t overruns;
    _Atomic int64_t spills;
    _Atomic int64_t lost;
    int64_t generation; /* how often the port was opened: the high part of its handle; libpercpu writes it */
    _Atomic int64_t refused; /* values that were refused because the ring was full */

    _Atomic int64_t tail;
    int64_t tail_alone[7];
    _Atomic int64_t head;
    int64_t head_alone[7];

    struct percpu_slot slots[SLOTS];
};

#define LAYOUT(type, field, at) _Static_assert(offsetof(struct type, field) == (at), #field " of " #type " moved")

_Static_assert(sizeof(struct percpu_receiver) == 64, "a receiver is a cache line");
LAYOUT(percpu_receiver, level, 0);
LAYOUT(percpu_receiver, pending, 4);
LAYOUT(percpu_receiver, deferred, 8);
LAYOUT(percpu_receiver, bell, 16);
LAYOUT(percpu_receiver, tid, 20);
LAYOUT(percpu_receiver, deferrals, 24);
LAYOUT(percpu_receiver, spilled, 32);
LAYOUT(percpu_receiver, door, 40);
LAYOUT(percpu_receiver, thread, 48);
LAYOUT(percpu_receiver, masks, 56);

_Static_assert(sizeof(struct percpu_inbox) == 64, "an inbox is a cache line");
LAYOUT(percpu_inbox, head, 0);
LAYOUT(percpu_inbox, bell, 8);

_Static_assert(sizeof(struct percpu_slot) == 16, "two words");
_Static_assert(sizeof(struct percpu_port) == 256 + 16 * SLOTS, "four cache lines and the slots");
LAYOUT(percpu_port, handle, 0);
LAYOUT(percpu_port, active, 8);
LAYOUT(percpu_port, receiver, 16);
LAYOUT(percpu_port, inbox, 24);
LAYOUT(percpu_port, rank, 32);
LAYOUT(percpu_port, index, 40);
LAYOUT(percpu_port, bound, 48);
LAYOUT(percpu_port, next, 56);
LAYOUT(percpu_port, pending, 64);
LAYOUT(percpu_port, spilled, 72);
LAYOUT(percpu_port, received, 80);
LAYOUT(percpu_port, overruns, 88);
LAYOUT(percpu_port, spills, 96);
LAYOUT(percpu_port, lost, 104);
LAYOUT(percpu_port, generation, 112);
LAYOUT(percpu_port, refused, 120);
LAYOUT(percpu_port, tail, 128);
LAYOUT(percpu_port, head, 192);
LAYOUT(percpu_port, slots, 256);

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "a lock in a signal handler is a deadlock");

long percpu_abi(void);
long percpu_layout(long what);
long percpu_take(void);
long percpu_open(long port);
long percpu_recycle(long port);
long percpu_taken(void);
long percpu_handler(long signal);
long percpu_install(long signal, long mask, long chain);
long percpu_release(long signal);
long percpu_route(long signal, long handle);
long percpu_watch(long signal, long fd);
long percpu_counter(long which);

#endif
