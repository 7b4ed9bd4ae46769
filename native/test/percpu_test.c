/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests libpercpu without Java. This program plays Java's part on the shared memory. The exit status is 0 if every
 * check holds.
 */
#include "../src/internal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition); \
            exit(1);                                                                      \
        }                                                                                 \
    } while (0)

static struct percpu_port *ports[4];
static struct percpu_receiver *receiver;
static struct percpu_inbox *inbox;
static _Atomic int32_t bell;
static _Atomic int64_t masks[RANKS];
static int signal_of_line;

static void *zeroed(size_t size) {
    void *memory = aligned_alloc(64, size);
    CHECK(memory != NULL);
    memset(memory, 0, size);
    return memory;
}

/* Opens a port at a place of the table. The test that used the place before has closed its port. */
static long open_port(int place, struct percpu_receiver *r, struct percpu_inbox *i, int rank) {
    if (ports[place] != NULL) {
        ports[place]->handle = 0;
        CHECK(percpu_recycle((long)(uintptr_t)ports[place]) == 0);
    }
    struct percpu_port *port = (struct percpu_port *)(uintptr_t)percpu_take();
    CHECK((intptr_t)port > 0);
    port->receiver = r;
    port->inbox = i;
    port->rank = rank;
    ports[place] = port;
    return percpu_open((long)(uintptr_t)port);
}

static int64_t link_of(int place) {
    return ports[place]->index + 1;
}

static int take(struct percpu_port *port, int64_t *value) {
    struct percpu_slot *slot = &port->slots[port->head & (SLOTS - 1)];
    if (slot->sequence != port->head + 1) {
        return 0;
    }
    *value = slot->value;
    slot->sequence = port->head + SLOTS;
    port->head = port->head + 1;
    return 1;
}

static void set_up(void) {
    memset(receiver, 0, sizeof *receiver);
    memset(inbox, 0, sizeof *inbox);
    memset(masks, 0, sizeof masks);
    receiver->tid = (int32_t)syscall(SYS_gettid);
    receiver->masks = masks;
    inbox->bell = (int64_t)(uintptr_t)&bell;
    bell = 0;
    sigset_t all;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_UNBLOCK, &all, NULL) == 0);
}

static int blocked(int signal) {
    sigset_t now;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0);
    return sigismember(&now, signal);
}

static void unblock(int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static void layout_and_version_are_told(void) {
    CHECK(percpu_version() == PERCPU_VERSION);
    CHECK(percpu_abi() == PERCPU_ABI);
    CHECK(percpu_layout(0) == (long)sizeof(struct percpu_receiver));
    CHECK(percpu_layout(1) == (long)sizeof(struct percpu_port));
    CHECK(percpu_layout(99) == -EINVAL);
}

static void values_posted_arrive_once_and_in_order(void) {
    long work = open_port(1, NULL, inbox, 0);
    errno = 4711;
    CHECK(percpu_post(work, 10) == 0);
    CHECK(percpu_post(work, 20) == 1);
    CHECK(errno == 4711);
    CHECK(inbox->head == link_of(1) && ports[1]->next == 0);
    CHECK(bell == 1);
    int64_t value = 0;
    CHECK(take(ports[1], &value) && value == 10);
    CHECK(take(ports[1], &value) && value == 20);
    CHECK(!take(ports[1], &value));
}

static void bad_handles_are_refused(void) {
    long work = open_port(1, NULL, inbox, 0);
    long line = open_port(2, receiver, NULL, 8);
    CHECK(percpu_post(0, 1) == -EINVAL);
    CHECK(percpu_post(-1, 1) == -EINVAL);
    CHECK(percpu_post(3, 1) == -EINVAL);
    CHECK(percpu_post(work + PORTS, 1) == -EINVAL);
    CHECK(percpu_post(line, 1) == -EINVAL);
    CHECK(percpu_trigger(work, 1) == -EINVAL);
    ports[1]->handle = 0;
    CHECK(percpu_post(work, 1) == -EINVAL);
    CHECK(ports[1]->active == 0 && ports[2]->active == 0);
    CHECK(inbox->head == 0);
}

static void full_ring_says_so_and_takes_again_after_a_drain(void) {
    long work = open_port(1, NULL, inbox, 0);
    for (int i = 0; i < VALUES; i++) {
        CHECK(percpu_post(work, i) == (i != 0));
    }
    CHECK(percpu_post(work, VALUES) == -EAGAIN);
    int64_t value = -1;
    CHECK(take(ports[1], &value) && value == 0);
    CHECK(percpu_post(work, VALUES) == 1);
    for (int i = 1; i <= VALUES; i++) {
        CHECK(take(ports[1], &value) && value == i);
    }
}

static void post_on_a_full_ring_asks_for_a_run(void) {
    long work = open_port(1, NULL, inbox, 0);
    for (int i = 0; i < VALUES; i++) {
        CHECK(percpu_post(work, i) == (i != 0));
    }
    /* As if the worker had taken the work, and its callback had drained nothing. */
    inbox->head = 0;
    ports[1]->pending = 0;
    bell = 0;
    CHECK(percpu_post(work, -1) == -EAGAIN);
    CHECK(inbox->head == link_of(1) && ports[1]->pending == 1 && bell == 1);
    CHECK(percpu_post(work, -2) == -EAGAIN);
    CHECK(inbox->head == link_of(1) && ports[1]->refused == 2 && ports[1]->tail == VALUES);
    inbox->head = ENDED;
    CHECK(percpu_post(work, -3) == -ESHUTDOWN);
    ports[1]->pending = 0;
    CHECK(percpu_post(work, -4) == -ESHUTDOWN);
    CHECK(inbox->head == ENDED && ports[1]->pending == 0);
}

static void queue_that_has_ended_takes_nothing(void) {
    long work = open_port(1, NULL, inbox, 0);
    inbox->head = SHUT;
    CHECK(percpu_post(work, 1) == -ESHUTDOWN);
    CHECK(ports[1]->pending == 0 && ports[1]->tail == 0);
}

static void send(int64_t value) {
    union sigval data = {.sival_ptr = (void *)(intptr_t)value};
    CHECK(sigqueue(getpid(), signal_of_line, data) == 0);
}

static void signal_before_any_line_is_counted_and_harmless(void) {
    long before = percpu_counter(STRAY);
    CHECK(percpu_route(signal_of_line, 0) == 0);
    send(1);
    CHECK(percpu_counter(STRAY) == before + 1);
}

static void signal_is_recorded_with_its_value_and_rings(void) {
    long line = open_port(2, receiver, NULL, 8);
    CHECK(percpu_route(signal_of_line, line) == 0);
    receiver->thread = (int64_t)(uintptr_t)pthread_self();
    send(INT64_C(0x123456789abc));
    send(7);
    int64_t value = 0;
    CHECK(take(ports[2], &value) && value == INT64_C(0x123456789abc));
    CHECK(take(ports[2], &value) && value == 7);
    CHECK((receiver->pending & (1 << 8)) != 0);
    CHECK(receiver->bell == 1 && bell == 0);
    receiver->door = (int64_t)(uintptr_t)&bell;
    send(8);
    CHECK(bell == 1);
    CHECK(ports[2]->received == 3 && ports[2]->lost == 0);
    CHECK(!blocked(signal_of_line));
}

static void masked_signal_blocks_what_the_level_masks(void) {
    long line = open_port(2, receiver, NULL, 8);
    CHECK(percpu_route(signal_of_line, line) == 0);
    receiver->thread = (int64_t)(uintptr_t)pthread_self();
    int64_t mask = INT64_C(3) << (signal_of_line - 1);
    masks[10] = mask;
    receiver->level = 10;
    send(1);
    CHECK(blocked(signal_of_line) && blocked(signal_of_line + 1));
    CHECK(receiver->deferred == mask && (receiver->pending & REMASK) != 0 && receiver->deferrals == 1);
    send(2); /* stays in the kernel's queue */
    CHECK(ports[2]->received == 1);
    receiver->level = 0;
    unblock(signal_of_line);
    CHECK(ports[2]->received == 2 && !blocked(signal_of_line));
    unblock(signal_of_line + 1);
}

static void foreign_thread_forwards_and_is_not_asked_again(void) {
    long line = open_port(2, receiver, NULL, 8);
    CHECK(percpu_route(signal_of_line, line) == 0);
    long before = percpu_counter(FOREIGN);
    send(5);
    int64_t value = 0;
    CHECK(take(ports[2], &value) && value == 5);
    CHECK(percpu_counter(FOREIGN) == before + 1);
    CHECK(blocked(signal_of_line));
    unblock(signal_of_line);
}

static void signals_beyond_the_ring_wait_in_the_kernel_and_none_is_lost(void) {
    long line = open_port(2, receiver, NULL, 8);
    CHECK(percpu_route(signal_of_line, line) == 0);
    receiver->thread = (int64_t)(uintptr_t)pthread_self();
    int total = 3 * VALUES;
    int64_t expected = 0;
    int sent = 0;
    while (expected < total) {
        for (; sent < total && sent < expected + 2 * VALUES; sent++) {
            send(sent);
        }
        if (sent - expected > VALUES) {
            CHECK(blocked(signal_of_line) && (receiver->spilled != 0 || receiver->deferred != 0));
        }
        int64_t value;
        while (take(ports[2], &value)) {
            CHECK(value == expected);
            expected++;
        }
        receiver->spilled = 0;
        receiver->deferred = 0;
        unblock(signal_of_line);
    }
    CHECK(ports[2]->spills > 0 && ports[2]->lost == 0 && ports[2]->received == total);
}

static void limit_pending_signals(rlim_t limit) {
    struct rlimit both;
    CHECK(getrlimit(RLIMIT_SIGPENDING, &both) == 0);
    both.rlim_cur = limit;
    CHECK(setrlimit(RLIMIT_SIGPENDING, &both) == 0);
}

static rlim_t pending_signals(void) {
    struct rlimit both;
    CHECK(getrlimit(RLIMIT_SIGPENDING, &both) == 0);
    return both.rlim_cur;
}

static void block(int signal) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

static void signal_finds_room_where_callers_have_left_none(void) {
    long line = open_port(2, receiver, NULL, 8);
    CHECK(percpu_route(signal_of_line, line) == 0);
    receiver->thread = (int64_t)(uintptr_t)pthread_self();
    block(signal_of_line);
    send(VALUES);
    for (int i = 0; i < VALUES; i++) {
        CHECK(percpu_trigger(line, i) == 0);
    }
    CHECK(percpu_trigger(line, -1) == -EAGAIN);
    rlim_t limit = pending_signals();
    limit_pending_signals(0); /* the kernel queues nothing that is sent back */
    unblock(signal_of_line);
    limit_pending_signals(limit);
    CHECK(ports[2]->received == 1 && ports[2]->lost == 0 && ports[2]->spills == 1);
    CHECK(blocked(signal_of_line) && receiver->spilled != 0 && ports[2]->spilled == 1);
    int64_t value;
    for (int i = 0; i <= VALUES; i++) {
        CHECK(take(ports[2], &value) && value == i);
    }
    CHECK(!take(ports[2], &value));
    unblock(signal_of_line);
}

static void last_resort_is_the_kernels_queue(void) {
    long line = open_port(2, receiver, NULL, 8);
    CHECK(percpu_route(signal_of_line, line) == 0);
    for (int i = 0; i < SLOTS; i++) {
        send(i); /* stands for as many threads that are not the receiver */
        unblock(signal_of_line);
    }
    CHECK(ports[2]->received == SLOTS);
    receiver->thread = (int64_t)(uintptr_t)pthread_self();
    send(SLOTS);
    CHECK(ports[2]->received == SLOTS && ports[2]->lost == 0 && blocked(signal_of_line));
    int64_t value;
    CHECK(take(ports[2], &value) && value == 0);
    unblock(signal_of_line);
    CHECK(ports[2]->received == SLOTS + 1);
    block(signal_of_line);
    send(-1);
    rlim_t limit = pending_signals();
    limit_pending_signals(0);
    unblock(signal_of_line);
    limit_pending_signals(limit);
    CHECK(ports[2]->lost == 1);
    for (int i = 1; i <= SLOTS; i++) {
        CHECK(take(ports[2], &value) && value == i);
    }
    unblock(signal_of_line);
}

static void line_bound_to_a_work_posts_it(void) {
    long work = open_port(1, NULL, inbox, 0);
    long line = open_port(2, receiver, NULL, 8);
    ports[2]->bound = work;
    CHECK(percpu_route(signal_of_line, line) == 0);
    receiver->thread = (int64_t)(uintptr_t)pthread_self();
    send(11);
    CHECK(percpu_trigger(line, 12) == 0);
    int64_t value = 0;
    CHECK(take(ports[1], &value) && value == 11);
    CHECK(take(ports[1], &value) && value == 12);
    CHECK(inbox->head == link_of(1) && (receiver->pending & ~REMASK) == 0);
    ports[1]->handle = 0;
    CHECK(percpu_trigger(line, 13) == -ESHUTDOWN);
}

static void nothing(int signal) {
    (void)signal;
}

static void handler_of_somebody_else_is_left_alone(void) {
    struct sigaction other = {.sa_handler = nothing};
    struct sigaction now;
    int signal = signal_of_line + 2;
    CHECK(sigaction(signal, &other, NULL) == 0);
    CHECK(percpu_handler(signal) == (long)(uintptr_t)nothing);
    CHECK(percpu_install(signal, 0, 0) == -EBUSY);
    CHECK(percpu_install(signal, 0, 1) == -EBUSY);
    CHECK(percpu_release(signal) == 0);
    CHECK(sigaction(signal, NULL, &now) == 0 && now.sa_handler == nothing);
    CHECK(percpu_install(signal_of_line, 0, 0) == 0);
    CHECK(percpu_handler(signal_of_line) == OURS);
    CHECK(percpu_install(0, 0, 0) == -EINVAL);
    CHECK(percpu_release(0) == -EINVAL && percpu_release(SIGNALS) == -EINVAL);
}

static void signal_is_given_back_with_what_it_did_before(void) {
    int signal = signal_of_line + 3;
    void (*const olds[])(int) = {SIG_DFL, SIG_IGN};
    for (int i = 0; i < 2; i++) {
        struct sigaction old = {.sa_handler = olds[i]};
        struct sigaction now;
        CHECK(sigaction(signal, &old, NULL) == 0);
        CHECK(percpu_handler(signal) == (olds[i] == SIG_DFL ? BY_DEFAULT : IGNORED));
        CHECK(percpu_install(signal, 0, 0) == 0);
        CHECK(percpu_handler(signal) == OURS);
        CHECK(percpu_release(signal) == 0);
        CHECK(sigaction(signal, NULL, &now) == 0 && now.sa_handler == olds[i]);
        CHECK(percpu_release(signal) == 0);
    }
    struct sigaction default_again = {.sa_handler = SIG_DFL};
    CHECK(sigaction(signal, &default_again, NULL) == 0);
}

static void *keep_one_pending(void *argument) {
    pthread_barrier_t *barrier = argument;
    int signal = signal_of_line + 3;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(pthread_kill(pthread_self(), signal) == 0);
    pthread_barrier_wait(barrier);
    pthread_barrier_wait(barrier); /* the signal is given back between the two barriers */
    CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
    return NULL;
}

/* The default action of the signal would end the process. */
static void signal_that_is_pending_when_it_is_given_back_is_thrown_away(void) {
    int signal = signal_of_line + 3;
    CHECK(percpu_install(signal, 0, 0) == 0);
    pthread_barrier_t barrier;
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    pthread_t thread;
    block(signal);
    CHECK(pthread_create(&thread, NULL, keep_one_pending, &barrier) == 0);
    pthread_barrier_wait(&barrier);
    CHECK(kill(getpid(), signal) == 0);
    CHECK(pthread_kill(pthread_self(), signal) == 0);
    long strays = percpu_counter(STRAY);
    CHECK(percpu_release(signal) == 0);
    CHECK(percpu_handler(signal) == BY_DEFAULT);
    unblock(signal);
    pthread_barrier_wait(&barrier);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(percpu_counter(STRAY) == strays);
    CHECK(pthread_barrier_destroy(&barrier) == 0);
}

static _Atomic int others_sigio;

static void on_others_sigio(int signal) {
    (void)signal;
    others_sigio++;
}

static void sigio_of_another_copy_goes_on_to_it(void) {
    struct sigaction other = {.sa_handler = on_others_sigio};
    struct sigaction now;
    CHECK(sigaction(SIGIO, &other, NULL) == 0);
    CHECK(percpu_install(SIGIO, 0, 0) == -EBUSY);
    CHECK(percpu_install(SIGIO, 0, 1) == 0);
    long line = open_port(2, receiver, NULL, 8);
    CHECK(percpu_route(signal_of_line, line) == 0);
    CHECK(percpu_watch(signal_of_line, 7) == 0);
    CHECK(kill(getpid(), SIGIO) == 0);
    int64_t value = 0;
    CHECK(take(ports[2], &value) && value == 7);
    CHECK(others_sigio == 1);
    CHECK(percpu_watch(signal_of_line, -1) == 0);
    CHECK(percpu_release(SIGIO) == 0);
    CHECK(sigaction(SIGIO, NULL, &now) == 0 && now.sa_handler == on_others_sigio);
}

static void handles_differ_and_memory_is_used_again_when_nobody_is_inside(void) {
    long before = percpu_taken();
    struct percpu_port *first = (struct percpu_port *)(uintptr_t)percpu_take();
    long handle = percpu_open((long)(uintptr_t)first);
    CHECK(percpu_taken() == before + 1);
    CHECK(percpu_recycle((long)(uintptr_t)first) == -EBUSY);
    first->handle = 0;
    first->active = 1; /* a poster that was stopped */
    CHECK(percpu_recycle((long)(uintptr_t)first) == 0);
    CHECK(percpu_taken() == before);
    struct percpu_port *second = (struct percpu_port *)(uintptr_t)percpu_take();
    CHECK(second != first);
    CHECK(percpu_open((long)(uintptr_t)second) != handle);
    first->active = 0;
    second->handle = 0;
    CHECK(percpu_recycle((long)(uintptr_t)second) == 0);
    for (int i = 0; i < 2 * PORTS; i++) {
        struct percpu_port *next = (struct percpu_port *)(uintptr_t)percpu_take();
        CHECK((intptr_t)next > 0);
        long other = percpu_open((long)(uintptr_t)next);
        CHECK(other > 0 && other != handle);
        next->handle = 0;
        CHECK(percpu_recycle((long)(uintptr_t)next) == 0);
    }
    CHECK(percpu_post(handle, 1) == -EINVAL);
    CHECK(percpu_taken() == before);
}

static void queue_that_has_ended_gets_no_more_links(void) {
    long work = open_port(1, NULL, inbox, 0);
    /* Plays posters that were let in before the end: sets the counts to what such posters leave. */
    ports[1]->pending = 1;
    inbox->head = ENDED;
    CHECK(percpu_post(work, 1) == -ESHUTDOWN);
    ports[1]->pending = 0;
    CHECK(percpu_post(work, 2) == -ESHUTDOWN);
    CHECK(inbox->head == ENDED && ports[1]->pending == 0);
}

/* Several threads produce, a signal handler that interrupts one of them produces too, and one thread consumes. */
#define PRODUCERS 3
#define EACH 100000

static long posted;

static void post_in_handler(int signal) {
    (void)signal;
    static _Atomic int64_t next = 0;
    int64_t value = (int64_t)PRODUCERS << 32 | next;
    if (percpu_post(posted, value) >= 0) {
        next++;
    }
}

static _Atomic int producing;

static void *produce(void *argument) {
    int64_t me = (int64_t)(intptr_t)argument;
    for (int64_t i = 0; i < EACH;) {
        if (percpu_post(posted, me << 32 | i) >= 0) {
            i++;
        }
        if (me == 0 && i % 64 == 0) {
            pthread_kill(pthread_self(), SIGUSR1);
        }
    }
    producing--;
    return NULL;
}

static void producers_and_handlers_lose_nothing(void) {
    posted = open_port(1, NULL, inbox, 0);
    struct sigaction action = {.sa_handler = post_in_handler};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    pthread_t threads[PRODUCERS];
    producing = PRODUCERS;
    for (intptr_t i = 0; i < PRODUCERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, produce, (void *)i) == 0);
    }
    int64_t next[PRODUCERS + 1] = {0};
    int last = 0;
    for (;;) {
        int64_t value;
        if (take(ports[1], &value)) {
            int from = (int)(value >> 32);
            CHECK(from >= 0 && from <= PRODUCERS);
            CHECK((value & 0xffffffff) == next[from]);
            next[from]++;
        } else if (last) {
            break;
        } else {
            last = producing == 0;
        }
    }
    for (int i = 0; i < PRODUCERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(next[i] == EACH);
    }
    CHECK(next[PRODUCERS] > 0);
}

/* Runs what was posted, as org.percpu.dispatch.NativeInbox and PostedWork do. */
static int64_t run_what_was_posted(void) {
    int64_t taken = 0;
    if ((atomic_fetch_and(&inbox->head, ~NEWEST) & NEWEST) != 0) {
        ports[1]->pending = 0;
        int64_t value;
        while (take(ports[1], &value)) {
            taken++;
        }
    }
    return taken;
}

static int end_inbox(void) {
    atomic_fetch_or(&inbox->head, SHUT);
    while (inbox->head - SHUT >= POSTER) {
        while (bell == 0) {
            sched_yield(); /* the last poster to leave rings */
        }
        bell = 0;
    }
    return inbox->head == SHUT;
}

static _Atomic int64_t accepted;

static void *post_to_the_end(void *argument) {
    (void)argument;
    long result;
    do {
        result = percpu_post(posted, 1);
        accepted += result >= 0;
    } while (result != -ESHUTDOWN);
    return NULL;
}

/* There are more threads than processors, so that some are descheduled inside percpu_post. */
static void what_was_accepted_runs_before_the_queue_ends(void) {
    for (int round = 0; round < 200; round++) {
        set_up();
        posted = open_port(1, NULL, inbox, 0);
        accepted = 0;
        pthread_t threads[PRODUCERS];
        for (int i = 0; i < PRODUCERS; i++) {
            CHECK(pthread_create(&threads[i], NULL, post_to_the_end, NULL) == 0);
        }
        int64_t taken = 0;
        struct timespec begin, now;
        CHECK(clock_gettime(CLOCK_MONOTONIC, &begin) == 0);
        do {
            taken += run_what_was_posted();
            CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
        } while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 3000000);
        while (!end_inbox()) {
            taken += run_what_was_posted();
        }
        for (int i = 0; i < PRODUCERS; i++) {
            CHECK(pthread_join(threads[i], NULL) == 0);
        }
        CHECK(accepted == taken && inbox->head == SHUT && ports[1]->pending == 0);
    }
}

#define RUN(test)                     \
    do {                              \
        set_up();                     \
        test();                       \
        printf("ok %s\n", #test);     \
    } while (0)

int main(void) {
    receiver = zeroed(sizeof *receiver);
    inbox = zeroed(sizeof *inbox);
    signal_of_line = SIGRTMIN + 5;
    CHECK(percpu_install(signal_of_line, 0, 0) == 0);
    CHECK(percpu_install(signal_of_line + 1, 0, 0) == 0);

    RUN(layout_and_version_are_told);
    RUN(values_posted_arrive_once_and_in_order);
    RUN(bad_handles_are_refused);
    RUN(full_ring_says_so_and_takes_again_after_a_drain);
    RUN(post_on_a_full_ring_asks_for_a_run);
    RUN(queue_that_has_ended_takes_nothing);
    RUN(signal_before_any_line_is_counted_and_harmless);
    RUN(signal_is_recorded_with_its_value_and_rings);
    RUN(masked_signal_blocks_what_the_level_masks);
    RUN(foreign_thread_forwards_and_is_not_asked_again);
    RUN(signals_beyond_the_ring_wait_in_the_kernel_and_none_is_lost);
    RUN(signal_finds_room_where_callers_have_left_none);
    RUN(last_resort_is_the_kernels_queue);
    RUN(line_bound_to_a_work_posts_it);
    RUN(handler_of_somebody_else_is_left_alone);
    RUN(signal_is_given_back_with_what_it_did_before);
    RUN(signal_that_is_pending_when_it_is_given_back_is_thrown_away);
    RUN(sigio_of_another_copy_goes_on_to_it);
    RUN(handles_differ_and_memory_is_used_again_when_nobody_is_inside);
    RUN(queue_that_has_ended_gets_no_more_links);
    RUN(producers_and_handlers_lose_nothing);
    RUN(what_was_accepted_runs_before_the_queue_ends);
    free(receiver);
    free(inbox);
    return 0;
}
