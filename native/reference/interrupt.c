/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The yardstick of percpu ipl --latency: a signal interrupts a pinned thread, its handler posts to a pinned worker, and
 * the worker says how long ago the signal was sent. As a C programmer would write it: the handler leaves the value in a
 * ring and rings a futex, which costs a system call only if the worker sleeps. Prints one JSON object with the
 * nanoseconds of each signal in their order.
 *
 * The CPUs and policies are arguments, since they must be those that the Java half was granted.
 */
#include "common.h"

#include <signal.h>

#define VALUES 1024
#define WARMING 200
#define LOST (10 * NANOS)

/* Written by the handler, which nothing interrupts, and read by the worker. */
static struct {
	_Alignas(CACHE_LINE) int64_t values[VALUES];
	_Alignas(CACHE_LINE) _Atomic int64_t tail;
	_Alignas(CACHE_LINE) int64_t head;
	_Alignas(CACHE_LINE) _Atomic uint32_t bell;
} inbox;

struct place {
	int cpu, policy, priority;
};

static struct place interrupt_place, worker_place;
static int sender_cpu, samples;
static int64_t *latency, period;
static _Atomic int64_t ran;
static _Atomic bool ready;

static void take_place(const struct place *place)
{
	struct sched_param param = {.sched_priority = place->priority};

	pin(place->cpu);
	check("pthread_setschedparam", pthread_setschedparam(pthread_self(), place->policy, &param));
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	int saved = errno;
	int64_t tail = atomic_load_explicit(&inbox.tail, memory_order_relaxed);

	(void)signal;
	(void)context;
	inbox.values[tail % VALUES] = (int64_t)(intptr_t)info->si_value.sival_ptr;
	atomic_store_explicit(&inbox.tail, tail + 1, memory_order_release);
	ring(&inbox.bell);
	errno = saved;
}

static void *interrupted(void *unused)
{
	(void)unused;
	take_place(&interrupt_place);
	atomic_store(&ready, true);
	for (;;)
		pause();
	return NULL;
}

static void *worker(void *unused)
{
	(void)unused;
	take_place(&worker_place);
	for (;;) {
		await_bell(&inbox.bell);
		int64_t run = now();
		while (inbox.head < atomic_load_explicit(&inbox.tail, memory_order_acquire)) {
			int64_t sample = inbox.head - WARMING;
			if (sample >= 0)
				latency[sample] = run - inbox.values[inbox.head % VALUES];
			inbox.head++;
		}
		atomic_store_explicit(&ran, inbox.head, memory_order_release);
	}
	return NULL;
}

static void nap(int64_t nanos)
{
	struct timespec time = {.tv_sec = nanos / NANOS, .tv_nsec = nanos % NANOS};

	nanosleep(&time, NULL);
}

/*
 * Sends the signal and returns the time. Other processes of the user may have used up the queue of signals for a
 * moment.
 */
static int64_t send(pthread_t thread, int64_t gap)
{
	int64_t start = now();

	for (;;) {
		int64_t sent = now();
		union sigval value = {.sival_ptr = (void *)(intptr_t)sent};
		int error = pthread_sigqueue(thread, SIGRTMIN, value);
		if (error == 0)
			return sent;
		if (error != EAGAIN || sent - start > LOST)
			fail("pthread_sigqueue", error);
		nap(gap);
	}
}

/* Signals are sent one at a time. The sender sleeps meanwhile, as it may be in the worker's way. */
static void send_all(pthread_t thread, int count, int64_t gap)
{
	for (int i = 0; i < count; i++) {
		int64_t before = atomic_load(&ran), sent = send(thread, gap);
		do
			nap(gap);
		while (atomic_load_explicit(&ran, memory_order_acquire) == before && now() - sent < LOST);
		if (atomic_load(&ran) == before)
			fail("a signal was lost", ETIMEDOUT);
	}
}

int main(int argc, char **argv)
{
	if (argc != 10) {
		fprintf(stderr, "usage: interrupt SENDER_CPU INTERRUPT_CPU POLICY PRIORITY WORKER_CPU POLICY PRIORITY SAMPLES PERIOD_US\n");
		return 2;
	}
	sender_cpu = atoi(argv[1]);
	interrupt_place = (struct place){.cpu = atoi(argv[2]), .policy = atoi(argv[3]), .priority = atoi(argv[4])};
	worker_place = (struct place){.cpu = atoi(argv[5]), .policy = atoi(argv[6]), .priority = atoi(argv[7])};
	samples = atoi(argv[8]);
	period = atoll(argv[9]) * 1000;
	if (samples < 1 || period < 1000) {
		fprintf(stderr, "interrupt: at least one sample and one microsecond\n");
		return 2;
	}
	latency = calloc((size_t)samples, sizeof(*latency));
	if (latency == NULL)
		fail("calloc", ENOMEM);

	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGRTMIN, &action, NULL) != 0)
		fail("sigaction", errno);
	pthread_t interrupted_thread, worker_thread;
	check("pthread_create", pthread_create(&worker_thread, NULL, worker, NULL));
	check("pthread_create", pthread_create(&interrupted_thread, NULL, interrupted, NULL));
	pin(sender_cpu);
	while (!atomic_load(&ready))
		nap(period);
	send_all(interrupted_thread, WARMING, 1000);
	send_all(interrupted_thread, samples, period);

	printf("{\"latency\":[");
	for (int i = 0; i < samples; i++)
		printf("%s%lld", i == 0 ? "" : ",", (long long)latency[i]);
	printf("]}\n");
	return 0;
}
