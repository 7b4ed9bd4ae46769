/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libpercpu: the C half of percpu, with the signal handler. It holds what must happen inside a signal handler, where
 * Java code cannot run.
 *
 * Memory that a handler or a poster may touch is never freed; it is only reused. So a late signal or a stale handle
 * finds a closed port, even after the class loader of the Java half has been collected.
 *
 * This file owns the ports. So several copies of the Java half that share one copy of the library never give out the
 * same handle. Java allocates the receivers, inboxes and bells. Java reads and writes the same words with VarHandles;
 * internal.h holds the layouts.
 */
#include "internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SI_CODE_OF_POSIX_TIMER (-2)

static struct percpu_port *_Atomic ports[PORTS];
static _Atomic int64_t line_of[SIGNALS];   /* the handle of the line that owns the signal */
static _Atomic int64_t watched[SIGNALS];   /* file descriptor + 1 of the file that the signal reports */
static _Atomic int64_t handling[SIGNALS];  /* handlers now running for the signal */
static _Atomic int64_t counters[COUNTERS];

/* No signal handler takes this lock. */
static pthread_mutex_t tables = PTHREAD_MUTEX_INITIALIZER;
static int made;                        /* number of ports; under tables */
static int unused[PORTS];               /* indices of closed ports, first closed first; under tables */
static int unused_count;                /* under tables */
static struct sigaction before[SIGNALS]; /* the action of each signal before percpu took it; changed under tables */

static void count(int counter) {
    atomic_fetch_add_explicit(&counters[counter], 1, memory_order_relaxed);
}

/* Rings a bell. If the bell is rung already and nobody has heard it, this costs no system call. */
static void ring_bell(_Atomic int32_t *bell) {
    if (atomic_exchange(bell, 1) == 0) {
        int saved = errno;
        syscall(SYS_futex, bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        errno = saved;
    }
}

/* Counts the caller as inside the port, so that close() waits for it. Returns NULL if the handle is not open. */
static struct percpu_port *enter(int64_t handle) {
    if (handle <= 0) {
        return NULL;
    }
    struct percpu_port *port = atomic_load(&ports[handle & (PORTS - 1)]);
    if (port == NULL) {
        return NULL;
    }
    atomic_fetch_add(&port->active, 1);
    if (atomic_load(&port->handle) != handle) {
        atomic_fetch_sub(&port->active, 1);
        return NULL;
    }
    return port;
}

static void leave(struct percpu_port *port) {
    atomic_fetch_sub(&port->active, 1);
}

static int64_t waiting(struct percpu_port *port, int64_t tail) {
    return tail - atomic_load(&port->head);
}

/*
 * A bounded queue with many producers. A slot is free if its sequence equals its position, and full if its sequence is
 * its position + 1. A producer may be interrupted between its claim of a slot and its store: the consumer then finds
 * the slot "not full yet", and the producer sets the pending mark afterwards.
 */
static int push(struct percpu_port *port, int64_t value, int64_t limit) {
    int64_t tail = atomic_load_explicit(&port->tail, memory_order_relaxed);
    for (;;) {
        if (waiting(port, tail) >= limit) {
            return -EAGAIN;
        }
        struct percpu_slot *slot = &port->slots[tail & (SLOTS - 1)];
        int64_t distance = atomic_load_explicit(&slot->sequence, memory_order_acquire) - tail;
        if (distance == 0) {
            if (atomic_compare_exchange_weak(&port->tail, &tail, tail + 1)) {
                slot->value = value;
                atomic_store_explicit(&slot->sequence, tail + 1, memory_order_release);
                return 0;
            }
        } else if (distance < 0) {
            return -EAGAIN;
        } else {
            tail = atomic_load_explicit(&port->tail, memory_order_relaxed);
        }
    }
}

static int is_full(struct percpu_port *port) {
    return waiting(port, atomic_load(&port->tail)) >= VALUES;
}

static void ring_workers(struct percpu_inbox *inbox) {
    ring_bell((_Atomic int32_t *)(uintptr_t)inbox->bell);
}

/* A poster leaves the inbox. If the queue is ending, its worker waits for the posters inside, so the poster rings. */
static void leave_inbox(struct percpu_inbox *inbox) {
    if (atomic_fetch_sub(&inbox->head, POSTER) & SHUT) {
        ring_workers(inbox);
    }
}

/*
 * Posts a work. A queue does not end while a poster is inside. A poster that finds the work marked relies on the poster
 * that marked it to link it. A signal handler that posts here may even have interrupted that other poster just before
 * it links.
 */
static long post(struct percpu_port *port, int64_t value, int64_t limit) {
    struct percpu_inbox *inbox = port->inbox;
    int64_t head = atomic_load(&inbox->head);
    do {
        if (head & SHUT) {
            return -ESHUTDOWN;
        }
    } while (!atomic_compare_exchange_weak(&inbox->head, &head, head + POSTER));
    /* If the ring is full, the work still runs: its run makes room. */
    long full = push(port, value, limit);
    if (full != 0) {
        atomic_fetch_add(&port->refused, 1);
    }
    /*
     * The worker clears the mark before it runs the work. So a poster that finds the mark set knows that the run is
     * still to come. When a queue ends with posters inside, Java first forbids the posters to link, and then hands back
     * the works that it finds marked.
     */
    if (atomic_exchange(&port->pending, 1) != 0) {
        long result = atomic_load(&inbox->head) & ENDED ? -ESHUTDOWN : full != 0 ? full : 1;
        leave_inbox(inbox);
        return result;
    }
    int64_t link = port->index + 1;
    head = atomic_load(&inbox->head);
    do {
        if (head & ENDED) {
            /* If the mark is already clear, Java has handed the work back, and this post with it. */
            long result = atomic_exchange(&port->pending, 0) == 0 ? full : -ESHUTDOWN;
            leave_inbox(inbox);
            return result;
        }
        atomic_store_explicit(&port->next, head & NEWEST, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(&inbox->head, &head, ((head - POSTER) & ~NEWEST) | link));
    ring_workers(inbox);
    return full;
}

static void notify(struct percpu_receiver *receiver, int32_t bits) {
    atomic_fetch_or(&receiver->pending, bits);
    ring_bell(&receiver->bell);
    int64_t door = atomic_load(&receiver->door);
    if (door != 0) {
        ring_bell((_Atomic int32_t *)(uintptr_t)door);
    }
}

/* Delivers a value of a line: to the line itself, or to the work to which the line is bound. */
static long deliver(struct percpu_port *line, int64_t value, int64_t limit, struct percpu_port **target) {
    int64_t bound = atomic_load(&line->bound);
    *target = line;
    if (bound == 0) {
        long result = push(line, value, limit);
        if (result == 0) {
            notify(line->receiver, 1 << line->rank);
        }
        return result;
    }
    struct percpu_port *work = enter(bound);
    if (work == NULL) {
        return -ESHUTDOWN;
    }
    long result = post(work, value, limit);
    *target = work;
    leave(work);
    return result > 0 ? 0 : result;
}

long percpu_version(void) {
    return PERCPU_VERSION;
}

long percpu_post(long handle, long value) {
    struct percpu_port *port = enter(handle);
    if (port == NULL) {
        return -EINVAL;
    }
    long result = port->inbox == NULL ? -EINVAL : post(port, value, VALUES);
    leave(port);
    return result;
}

long percpu_trigger(long handle, long value) {
    struct percpu_port *port = enter(handle);
    if (port == NULL) {
        return -EINVAL;
    }
    struct percpu_port *target;
    long result = port->receiver == NULL ? -EINVAL : deliver(port, value, VALUES, &target);
    leave(port);
    return result;
}

/* The kernel's set is the first eight bytes of sigset_t in every Linux C library. */
static int64_t blocked_in(ucontext_t *context) {
    int64_t set;
    memcpy(&set, &context->uc_sigmask, sizeof set);
    return set;
}

/*
 * Blocks signals in the interrupted context. The change takes effect when the handler returns; that return would undo a
 * pthread_sigmask made inside the handler.
 */
static int64_t block_in(ucontext_t *context, int64_t add) {
    int64_t set = blocked_in(context);
    int64_t both = set | add;
    memcpy(&context->uc_sigmask, &both, sizeof both);
    return add & ~set;
}

static int64_t bit(int signal) {
    return INT64_C(1) << (signal - 1);
}

static int64_t value_of(const siginfo_t *info) {
    if (info->si_code == SI_QUEUE || info->si_code == SI_CODE_OF_POSIX_TIMER) {
        return (int64_t)(intptr_t)info->si_value.sival_ptr;
    }
    return info->si_code > 0 && info->si_code != SI_KERNEL ? info->si_fd : 0;
}

/* Asks Java to look at the blocked signals. Java looks as soon as the level allows, whichever thread has asked. */
static void remask(struct percpu_receiver *receiver, int64_t signals) {
    atomic_fetch_or(&receiver->deferred, signals);
    notify(receiver, REMASK);
}

/*
 * Returns whether the calling thread is the receiver's thread. It compares pthread_self(), which is one load. A
 * thread-local variable would not do: each copy of the library would take room of which the C library has little, and
 * one thread may be the receiver of several copies of the Java half.
 */
static int is_receiver(struct percpu_port *line) {
    return line->receiver->thread == (int64_t)(uintptr_t)pthread_self();
}

/*
 * Receiver's thread: blocks a signal, so that the kernel queues it until there is room. The thread that makes room
 * looks at the mark. It may have looked just before the mark was set. So this function looks for room once more after
 * it has set the mark.
 */
static void spill(struct percpu_port *line, struct percpu_port *target, int signal, ucontext_t *context) {
    struct percpu_receiver *self = line->receiver;
    atomic_fetch_add(&line->spills, 1);
    block_in(context, bit(signal));
    atomic_fetch_or(&self->spilled, bit(signal));
    atomic_store(&target->spilled, 1);
    if (!is_full(target)) {
        remask(self, atomic_exchange(&self->spilled, 0));
    }
}

/* Receiver's thread: if the level masks the line, blocks all signals that the level masks. This is lazy masking. */
static void defer(struct percpu_port *line, ucontext_t *context) {
    struct percpu_receiver *self = line->receiver;
    int level = atomic_load_explicit(&self->level, memory_order_relaxed);
    if (line->rank > level) {
        return;
    }
    int64_t added = block_in(context, atomic_load(&self->masks[level]));
    if (added != 0) {
        atomic_fetch_or(&self->deferred, added);
        atomic_fetch_or(&self->pending, REMASK);
        atomic_fetch_add_explicit(&self->deferrals, 1, memory_order_relaxed);
    }
}

/*
 * Sends a signal back to the kernel, because the ring has no room even for signals. Once VALUES values wait, the
 * receiver's thread takes at most one more signal, and so does each other thread. So this happens only if more than a
 * thousand threads have taken a signal while the receiver ran no handler.
 *
 * The value goes back to the kernel's queue, directed to the receiver's thread, which keeps the signal blocked. This is
 * a last resort. At the limit of RLIMIT_SIGPENDING the kernel may already have given the room of this signal to the
 * next one, and then the value is lost.
 */
static void send_back(struct percpu_port *line, struct percpu_port *target, int signal, siginfo_t *info, ucontext_t *context) {
    siginfo_t again;
    memset(&again, 0, sizeof again);
    again.si_signo = signal;
    again.si_code = SI_QUEUE;
    again.si_pid = getpid();
    again.si_value.sival_ptr = (void *)(intptr_t)value_of(info);
    if (is_receiver(line)) {
        spill(line, target, signal, context);
    }
    if (syscall(SYS_rt_tgsigqueueinfo, again.si_pid, line->receiver->tid, signal, &again) != 0) {
        atomic_fetch_add(&line->lost, 1);
    }
}

static void on_line(struct percpu_port *line, int signal, siginfo_t *info, ucontext_t *context) {
    if (info->si_code == SI_CODE_OF_POSIX_TIMER) {
        atomic_fetch_add_explicit(&line->overruns, info->si_overrun, memory_order_relaxed);
    }
    struct percpu_port *target;
    long result = deliver(line, value_of(info), SLOTS, &target);
    if (result == 0) {
        atomic_fetch_add_explicit(&line->received, 1, memory_order_relaxed);
    } else if (result == -EAGAIN) {
        send_back(line, target, signal, info, context);
    } else {
        atomic_fetch_add(&line->lost, 1);
    }
    if (is_receiver(line)) {
        if (result == 0 && is_full(target)) {
            spill(line, target, signal, context);
        }
        defer(line, context);
    } else {
        /*
         * This thread is not the receiver. It blocks the signal, so the kernel hands later process-directed signals of
         * this line to another thread.
         */
        block_in(context, bit(signal));
        count(FOREIGN);
    }
}

static void on_signal(int signal, siginfo_t *info, void *context) {
    int saved = errno;
    atomic_fetch_add(&handling[signal], 1);
    struct percpu_port *line = enter(atomic_load(&line_of[signal]));
    if (line == NULL) {
        count(STRAY);
    } else {
        on_line(line, signal, info, context);
        leave(line);
    }
    atomic_fetch_sub(&handling[signal], 1);
    errno = saved;
}

/*
 * Handles SIGIO. The kernel sends it when it could not queue the signal of a file, so every file may be ready. Without
 * a handler SIGIO would end the process. An earlier handler, of another copy of the library, is called as well.
 */
static void on_sigio(int signal, siginfo_t *info, void *context) {
    int saved = errno;
    for (int i = 1; i < SIGNALS; i++) {
        int64_t fd = atomic_load(&watched[i]);
        struct percpu_port *line = fd == 0 ? NULL : enter(atomic_load(&line_of[i]));
        if (line != NULL) {
            struct percpu_port *target;
            if (deliver(line, fd - 1, SLOTS, &target) < 0) {
                atomic_fetch_add(&line->lost, 1);
            }
            leave(line);
        }
    }
    errno = saved;
    const struct sigaction *other = &before[signal];
    if (other->sa_flags & SA_SIGINFO) {
        other->sa_sigaction(signal, info, context);
    } else if (other->sa_handler != SIG_DFL && other->sa_handler != SIG_IGN) {
        other->sa_handler(signal);
    }
}

/* --- Functions for the Java half: they take numbers and return numbers. */

long percpu_abi(void) {
    return PERCPU_ABI;
}

long percpu_layout(long what) {
    switch (what) {
    case 0:
        return sizeof(struct percpu_receiver);
    case 1:
        return sizeof(struct percpu_port);
    case 2:
        return sizeof(struct percpu_inbox);
    case 3:
        return VALUES;
    case 4:
        return PORTS;
    default:
        return -EINVAL;
    }
}

static void clear(struct percpu_port *port) {
    /* Clears everything but the count of callers, which the callers change, and the generation. */
    atomic_store(&port->handle, 0);
    port->receiver = NULL;
    port->inbox = NULL;
    port->rank = 0;
    _Atomic int64_t *words[] = {&port->bound, &port->next, &port->pending, &port->spilled, &port->received, &port->overruns,
                                &port->spills, &port->lost, &port->refused, &port->tail, &port->head};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        atomic_store_explicit(words[i], 0, memory_order_relaxed);
    }
    for (int i = 0; i < SLOTS; i++) {
        atomic_store_explicit(&port->slots[i].sequence, i, memory_order_relaxed);
    }
}

/*
 * Returns the first closed port that no caller is inside. A poster may stay inside for long if it is stopped, and a
 * handler may still run when its line is closed.
 */
static struct percpu_port *take_unused(void) {
    for (int i = 0; i < unused_count; i++) {
        struct percpu_port *port = ports[unused[i]];
        if (atomic_load(&port->active) == 0) {
            unused_count--;
            memmove(&unused[i], &unused[i + 1], (size_t)(unused_count - i) * sizeof *unused);
            return port;
        }
    }
    return NULL;
}

static struct percpu_port *make(void) {
    struct percpu_port *port = aligned_alloc(64, sizeof *port);
    if (port != NULL) {
        memset(port, 0, sizeof *port);
        port->index = made;
        atomic_store(&ports[made], port);
        made++;
    }
    return port;
}

/* Returns the address of a closed port that is not in use; -EAGAIN if all ports are taken; or -ENOMEM. */
long percpu_take(void) {
    pthread_mutex_lock(&tables);
    struct percpu_port *port = take_unused();
    long error = made == PORTS ? -EAGAIN : -ENOMEM;
    if (port == NULL && made < PORTS) {
        port = make();
    }
    pthread_mutex_unlock(&tables);
    if (port == NULL) {
        return error;
    }
    clear(port);
    return (long)(uintptr_t)port;
}

/* Opens a port under a handle that was never used before. Only the caller that took the port may open it. */
long percpu_open(long port) {
    struct percpu_port *opened = (struct percpu_port *)(uintptr_t)port;
    opened->generation++;
    int64_t handle = opened->generation * PORTS + opened->index;
    atomic_store(&opened->handle, handle);
    return handle;
}

/* Gives back a closed port. The port of a work must also be in no inbox. Callers may still be inside. */
long percpu_recycle(long port) {
    struct percpu_port *closed = (struct percpu_port *)(uintptr_t)port;
    if (atomic_load(&closed->handle) != 0) {
        return -EBUSY;
    }
    pthread_mutex_lock(&tables);
    unused[unused_count] = (int)closed->index;
    unused_count++;
    pthread_mutex_unlock(&tables);
    return 0;
}

/* Returns how many ports are taken. */
long percpu_taken(void) {
    pthread_mutex_lock(&tables);
    long taken = made - unused_count;
    pthread_mutex_unlock(&tables);
    return taken;
}

static int is_ours(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) && (action->sa_sigaction == on_signal || action->sa_sigaction == on_sigio);
}

static long handler_of(long signal) {
    struct sigaction now;
    if (sigaction((int)signal, NULL, &now) != 0) {
        return -errno;
    }
    if (is_ours(&now)) {
        return OURS;
    }
    if (now.sa_handler == SIG_DFL) {
        return BY_DEFAULT;
    }
    return now.sa_handler == SIG_IGN ? IGNORED : (long)(uintptr_t)now.sa_sigaction;
}

/* Returns who handles a signal. */
long percpu_handler(long signal) {
    return handler_of(signal);
}

/*
 * Takes a signal that has no handler. A signal that is ignored is free too: nohup(1) and env(1) can start a process
 * that ignores it. With chain, SIGIO may have a handler already.
 *
 * The mask must hold every signal that could ever be taken. Otherwise one handler could interrupt another. The inner
 * handler blocks signals in its context, and the outer handler would unblock them when it returns to its own context.
 * The order of the handlers does not matter: they only record.
 */
long percpu_install(long signal, long mask, long chain) {
    long handler = handler_of(signal);
    if (handler < 0 || handler == OURS) {
        return handler < 0 ? handler : 0;
    }
    int file = signal == SIGIO;
    if (handler > OURS && !(file && chain)) {
        return -EBUSY;
    }
    struct sigaction mine;
    memset(&mine, 0, sizeof mine);
    mine.sa_sigaction = file ? on_sigio : on_signal;
    mine.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    memcpy(&mine.sa_mask, &mask, sizeof mask);
    pthread_mutex_lock(&tables);
    long result = sigaction((int)signal, NULL, &before[signal]) == 0 && sigaction((int)signal, &mine, NULL) == 0 ? 0 : -errno;
    pthread_mutex_unlock(&tables);
    return result;
}

/*
 * Gives a signal back: the signal does again what it did before. Returns -EBUSY while a handler runs for the signal,
 * because that handler may send the signal once more.
 *
 * SIGIO is special. A copy of the library may give SIGIO up while the handler of another copy stands in front of its
 * own. When the other copy gives SIGIO up too, it restores the handler of the first copy. That handler then does
 * nothing.
 *
 * The signal may be pending, for the process or for threads that block it, and by default a real-time signal ends the
 * process. So the signal is ignored first: that makes the kernel discard all pending ones, blocked or not (POSIX,
 * sigaction). A thread that took the signal before still runs the handler. The handler stays loaded and finds no line.
 */
long percpu_release(long signal) {
    if (signal < 1 || signal >= SIGNALS) {
        return -EINVAL;
    }
    atomic_store(&line_of[signal], 0);
    atomic_store(&watched[signal], 0);
    if (atomic_load(&handling[signal]) != 0) {
        return -EBUSY;
    }
    long handler = handler_of(signal);
    if (handler != OURS) {
        /* Another handler was installed after this one, and it may call this one. */
        return handler < 0 ? handler : 0;
    }
    pthread_mutex_lock(&tables);
    const struct sigaction *old = &before[signal];
    struct sigaction ignore;
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    int chained = (old->sa_flags & SA_SIGINFO) || (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN);
    long result = (chained || sigaction((int)signal, &ignore, NULL) == 0) && sigaction((int)signal, old, NULL) == 0 ? 0 : -errno;
    pthread_mutex_unlock(&tables);
    return result;
}

long percpu_route(long signal, long handle) {
    if (signal < 1 || signal >= SIGNALS) {
        return -EINVAL;
    }
    atomic_store(&line_of[signal], handle);
    return 0;
}

long percpu_watch(long signal, long fd) {
    if (signal < 1 || signal >= SIGNALS) {
        return -EINVAL;
    }
    atomic_store(&watched[signal], fd + 1);
    return 0;
}

long percpu_counter(long which) {
    return which < 0 || which >= COUNTERS ? -EINVAL : atomic_load(&counters[which]);
}
