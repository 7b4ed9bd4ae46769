/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libpercpu: the top half. What must happen inside a signal handler, where Java cannot be.
 *
 * No memory that a handler or a poster may touch is ever freed; it is only used again. So a late signal and a stale handle find a closed
 * port, also when the class loader of the Java side has been collected. Ports belong to this file, so that several copies of the Java
 * side that share one copy of the library never give out the same handle; receivers, inboxes and bells are allocated by Java. Java reads
 * and writes the same words with VarHandles; internal.h holds the layouts.
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
static _Atomic int64_t line_of[SIGNALS];   /* the handle of the line that a signal belongs to */
static _Atomic int64_t watched[SIGNALS];   /* the file descriptor + 1 that the line's signal stands for */
static _Atomic int64_t handling[SIGNALS];  /* handlers that are in the middle of a signal */
static _Atomic int64_t counters[COUNTERS];

/* Never taken in a signal handler. */
static pthread_mutex_t tables = PTHREAD_MUTEX_INITIALIZER;
static int made;                        /* ports, under tables */
static int unused[PORTS];               /* their indices, the one closed first at the front, under tables */
static int unused_count;                /* under tables */
static struct sigaction before[SIGNALS]; /* what a signal of ours did before it was ours; changed under tables */

static void count(int counter) {
    atomic_fetch_add_explicit(&counters[counter], 1, memory_order_relaxed);
}

/* A ring after the first unheard one costs no system call. */
static void ring_bell(_Atomic int32_t *bell) {
    if (atomic_exchange(bell, 1) == 0) {
        int saved = errno;
        syscall(SYS_futex, bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        errno = saved;
    }
}

/* Counts the caller in, so that close() waits for it; NULL if the handle is not open. */
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
 * A bounded queue of many producers: a slot whose sequence is its position is free, one more is full. A producer that is
 * interrupted between its claim and its store is found "not full yet" by the consumer, and sets the pending mark afterwards.
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

/* The worker of a queue that ends waits for those inside. */
static void leave_inbox(struct percpu_inbox *inbox) {
    if (atomic_fetch_sub(&inbox->head, POSTER) & SHUT) {
        ring_workers(inbox);
    }
}

/*
 * A queue does not end while a poster is inside: a poster that finds the work marked relies on the other one, who has marked it, to
 * link it. It may be interrupted just before that, by this one.
 */
static long post(struct percpu_port *port, int64_t value, int64_t limit) {
    struct percpu_inbox *inbox = port->inbox;
    int64_t head = atomic_load(&inbox->head);
    do {
        if (head & SHUT) {
            return -ESHUTDOWN;
        }
    } while (!atomic_compare_exchange_weak(&inbox->head, &head, head + POSTER));
    /* On a full ring the work runs as well, which makes room. */
    long full = push(port, value, limit);
    if (full != 0) {
        atomic_fetch_add(&port->refused, 1);
    }
    /*
     * The worker clears the mark before it runs the work: a poster that finds it set knows that the run is still to come. When a queue
     * ends with posters inside, Java first forbids them to link, and then hands back the works that it finds marked.
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
            /* Without the mark, the work was handed back for this post. */
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

/* Where the values of a line go: to the line itself, or to the work it is bound to. */
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

/* Takes effect when the handler returns; pthread_sigmask in a handler would be undone then. */
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

/* Java has a look at the blocked signals, as soon as the level allows and whoever asks. */
static void remask(struct percpu_receiver *receiver, int64_t signals) {
    atomic_fetch_or(&receiver->deferred, signals);
    notify(receiver, REMASK);
}

/*
 * Whether this is the receiver's thread. By pthread_self(), which is one load: a thread-local variable would take room that the C library
 * has little of, for each copy of the library, and one thread may be the receiver of several copies of the Java side.
 */
static int is_receiver(struct percpu_port *line) {
    return line->receiver->thread == (int64_t)(uintptr_t)pthread_self();
}

/*
 * On the receiver's thread: leaves a signal to the kernel's queue until there is room. Whoever makes room looks at the mark; if that
 * was just before the mark was there, nobody else will.
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

/* On the receiver's thread: if the level masks the line, blocks all that the level masks. This is lazy masking. */
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
 * No room even for signals. The receiver's thread takes one more at most once VALUES wait, and so does each other thread; so more
 * than a thousand threads have taken one while the receiver ran no handler. The value goes back to the kernel's queue, for the
 * receiver's thread, which keeps the signal blocked there. That is a last resort: at the limit of RLIMIT_SIGPENDING the kernel may
 * have given the room of this signal to the next one already, and then the value is lost.
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
        /* Not this thread's business: from now on the process-directed signals of this line find another. */
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
 * The kernel could not queue a file's signal and sends this instead, which would end the process: every file may be ready. The handler
 * before this one, of another copy of the library, is called as well.
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

/* --- for the Java side: numbers in, numbers out */

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
    /* But for the count of callers, which is theirs, and the generation. */
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

/* The first port in which nobody is any more: a poster may be stopped for long, and a handler may run when its line is closed. */
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

/* The address of a closed port that is not in use, or -EAGAIN if all are taken, or -ENOMEM. */
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

/* Makes a port known under a handle that nobody has had before. Only the one who has taken it may call this. */
long percpu_open(long port) {
    struct percpu_port *opened = (struct percpu_port *)(uintptr_t)port;
    opened->generation++;
    int64_t handle = opened->generation * PORTS + opened->index;
    atomic_store(&opened->handle, handle);
    return handle;
}

/* Gives back a port that is closed, and of a work also in no inbox. It may still have callers inside. */
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

/* How many ports are taken. */
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

/* Who handles a signal. */
long percpu_handler(long signal) {
    return handler_of(signal);
}

/*
 * Takes a signal that has no handler; one that is ignored since the process began, as nohup(1) and env(1) can have it, is free too. With
 * chain, SIGIO may have a handler already.
 *
 * The mask must hold all signals that could ever be ours: if one handler interrupted another, what the inner one blocks in its context
 * would be unblocked again when the outer one returns to its own. The order of the handlers does not matter, they only record.
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
 * Gives a signal back: what it did before it does again. (A copy that has given up SIGIO while another copy's handler was before its own
 * gets it back from there; its handler then does nothing.) -EBUSY while a handler is in the middle of it, which may send it once more.
 *
 * Signals of it may be pending, for the process or for threads that have it blocked, and by default a real-time signal ends the process.
 * So it is ignored first: that makes the kernel throw away all that are pending, blocked or not (POSIX, sigaction). A thread that has
 * taken one before runs the handler, which stays where it is and finds no line.
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
        /* Somebody has put a handler before ours, and calls it perhaps. */
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
