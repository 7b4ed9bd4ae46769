/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The yardstick of the benchmarks: one pinned worker that runs caller-owned items in the order in which they came,
 * written as a C programmer would write it, and measured exactly as the Java harness measures its contenders. Prints
 * one JSON object.
 *
 *   mutex  as the kernel has it: a mutex, a condition variable, a TAILQ and an ONQUEUE flag
 *   futex  a lock-free list with a futex(2) doorbell that is rung only for a sleeping worker
 *   spin   the same list; the worker never sleeps
 *   timer  no queue: the cost of arming and cancelling a timer
 *   micro  no queue: the cost of pinning the calling thread and of asking for its CPU
 */
#include "common.h"

#include <sys/queue.h>

#define RING (1 << 16)
#define MAX_PRODUCERS 2
#define CHUNKS 21

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

static void pause_for(int64_t nanos)
{
	int64_t end = now() + nanos;

	while (now() < end)
		relax();
}

/* What the callbacks leave behind, one for each producer. */
struct sink {
	_Alignas(CACHE_LINE) bool stamping;
	_Alignas(CACHE_LINE) _Atomic int64_t count;
	_Atomic int64_t ran_at;
};

struct item {
	TAILQ_ENTRY(item) entry; /* mutex */
	struct item *next;       /* futex, spin */
	_Atomic bool onqueue;
	void (*fn)(struct sink *);
	struct sink *arg;
};

static void work(struct sink *sink)
{
	if (sink->stamping)
		atomic_store_explicit(&sink->ran_at, now(), memory_order_release);
	atomic_store_explicit(&sink->count, atomic_load_explicit(&sink->count, memory_order_relaxed) + 1, memory_order_release);
}

/* Another thread may own the item as soon as the flag is down, so what the call needs is read first. */
static void run(struct item *item)
{
	void (*fn)(struct sink *) = item->fn;
	struct sink *arg = item->arg;

	atomic_store(&item->onqueue, false);
	fn(arg);
}

/* mutex */

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	TAILQ_HEAD(, item) items;
	bool ending;
} tq = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

static bool mutex_add(struct item *item)
{
	bool added = false;

	if (atomic_load(&item->onqueue))
		return false;
	pthread_mutex_lock(&tq.mutex);
	if (!atomic_load_explicit(&item->onqueue, memory_order_relaxed)) {
		atomic_store_explicit(&item->onqueue, true, memory_order_relaxed);
		TAILQ_INSERT_TAIL(&tq.items, item, entry);
		added = true;
	}
	pthread_mutex_unlock(&tq.mutex);
	if (added)
		pthread_cond_signal(&tq.cond);
	return added;
}

static void mutex_loop(void)
{
	for (;;) {
		pthread_mutex_lock(&tq.mutex);
		while (TAILQ_EMPTY(&tq.items) && !tq.ending)
			pthread_cond_wait(&tq.cond, &tq.mutex);
		struct item *item = TAILQ_FIRST(&tq.items);
		if (item == NULL) {
			pthread_mutex_unlock(&tq.mutex);
			return;
		}
		TAILQ_REMOVE(&tq.items, item, entry);
		void (*fn)(struct sink *) = item->fn;
		struct sink *arg = item->arg;
		atomic_store_explicit(&item->onqueue, false, memory_order_relaxed);
		pthread_mutex_unlock(&tq.mutex);
		fn(arg);
	}
}

static void mutex_end(void)
{
	pthread_mutex_lock(&tq.mutex);
	tq.ending = true;
	pthread_mutex_unlock(&tq.mutex);
	pthread_cond_signal(&tq.cond);
}

/* futex and spin: the newest item is the head, and the worker takes everything and turns it round. */

static struct item parked;
static struct {
	_Alignas(CACHE_LINE) _Atomic(struct item *) head;
	_Alignas(CACHE_LINE) _Atomic uint32_t bell;
	_Alignas(CACHE_LINE) _Atomic bool ending;
	bool sleeps;
} list;

static bool list_add(struct item *item)
{
	bool expected = false;

	if (!atomic_compare_exchange_strong(&item->onqueue, &expected, true))
		return false;
	struct item *head = atomic_load_explicit(&list.head, memory_order_relaxed);
	do
		item->next = head == &parked ? NULL : head;
	while (!atomic_compare_exchange_weak(&list.head, &head, item));
	if (head == &parked)
		ring(&list.bell);
	return true;
}

static void list_idle(void)
{
	struct item *empty = NULL;

	if (!list.sleeps)
		relax();
	else if (atomic_compare_exchange_strong(&list.head, &empty, &parked))
		await_bell(&list.bell);
}

static void list_loop(void)
{
	for (;;) {
		struct item *newest = atomic_load_explicit(&list.head, memory_order_acquire);
		if (newest == NULL || newest == &parked) {
			if (atomic_load(&list.ending))
				return;
			list_idle();
			continue;
		}
		newest = atomic_exchange(&list.head, NULL);
		struct item *item = NULL;
		while (newest != NULL) {
			struct item *older = newest->next;
			newest->next = item;
			item = newest;
			newest = older;
		}
		while (item != NULL) {
			struct item *next = item->next;
			run(item);
			item = next;
		}
	}
}

static void list_end(void)
{
	struct item *marker = &parked;

	atomic_store(&list.ending, true);
	if (atomic_compare_exchange_strong(&list.head, &marker, NULL))
		ring(&list.bell);
}

/* The measurements. */

static bool (*add)(struct item *);
static void (*loop)(void);
static void (*end)(void);

static int producer_cpus[MAX_PRODUCERS], worker_cpu;
static struct sink sinks[MAX_PRODUCERS];
static struct item *items[MAX_PRODUCERS];
static const char *separator = "";

static void measure(const char *name, double value)
{
	printf("%s\"%s\":%.3f", separator, name, value);
	separator = ",";
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(int64_t *values, int count, double at)
{
	qsort(values, (size_t)count, sizeof(*values), by_value);
	return (double)values[(int)((count - 1) * at)];
}

static void *worker(void *unused)
{
	(void)unused;
	pin(worker_cpu);
	loop();
	return NULL;
}

static void one_at_a_time(const char *name, int samples, int64_t gap, bool wake, bool filled)
{
	struct sink *sink = &sinks[0];
	int64_t *latency = calloc((size_t)samples, sizeof(*latency)), *cost = calloc((size_t)samples, sizeof(*cost));

	if (latency == NULL || cost == NULL)
		fail("calloc", ENOMEM);
	sink->stamping = true;
	for (int i = -samples / 10; i < samples; i++) {
		pause_for(gap);
		if (filled)
			*(struct sink *volatile *)&items[0][0].arg = sink;
		int64_t count = atomic_load(&sink->count);
		int64_t begin = now();
		add(&items[0][0]);
		int64_t added = now();
		while (atomic_load_explicit(&sink->count, memory_order_acquire) == count)
			relax();
		if (i >= 0) {
			latency[i] = atomic_load(&sink->ran_at) - begin;
			cost[i] = added - begin;
		}
	}
	sink->stamping = false;
	char key[64];
	snprintf(key, sizeof(key), "%s.p50", name);
	measure(key, quantile(latency, samples, 0.5));
	snprintf(key, sizeof(key), "%s.p99", name);
	measure(key, quantile(latency, samples, 0.99));
	if (wake)
		measure("wake.cost", quantile(cost, samples, 0.5));
	free(latency);
	free(cost);
}

struct stream {
	int producer;
	int64_t items;
	int64_t began;
	pthread_barrier_t *start;
};

static void *produce(void *argument)
{
	struct stream *stream = argument;
	struct sink *sink = &sinks[stream->producer];
	struct item *mine = items[stream->producer];

	pin(producer_cpus[stream->producer]);
	int64_t base = atomic_load(&sink->count), done = base;
	pthread_barrier_wait(stream->start);
	stream->began = now();
	for (int64_t i = 0; i < stream->items; i++) {
		while (base + i - done >= RING) {
			done = atomic_load_explicit(&sink->count, memory_order_acquire);
			/* Two producers may share a CPU, and then the one that waits is in the way. */
			if (base + i - done >= RING)
				sched_yield();
		}
		add(&mine[i & (RING - 1)]);
	}
	while (atomic_load_explicit(&sink->count, memory_order_acquire) < base + stream->items)
		sched_yield();
	return NULL;
}

static double stream(int producers, int64_t each)
{
	pthread_t threads[MAX_PRODUCERS];
	struct stream streams[MAX_PRODUCERS];
	pthread_barrier_t start;

	check("pthread_barrier_init", pthread_barrier_init(&start, NULL, (unsigned)producers));
	for (int p = 0; p < producers; p++) {
		streams[p] = (struct stream){.producer = p, .items = each, .start = &start};
		check("pthread_create", pthread_create(&threads[p], NULL, produce, &streams[p]));
	}
	int64_t began = INT64_MAX;
	for (int p = 0; p < producers; p++) {
		pthread_join(threads[p], NULL);
		if (streams[p].began < began)
			began = streams[p].began;
	}
	int64_t nanos = now() - began;
	pthread_barrier_destroy(&start);
	return (double)nanos / (double)(each * producers);
}

static void throughput(const char *key, int producers, int64_t count)
{
	double chunks[CHUNKS];

	for (int i = 0; i < CHUNKS; i++)
		chunks[i] = stream(producers, count / CHUNKS / producers);
	qsort(chunks, CHUNKS, sizeof(*chunks), by_size);
	char best[64];
	snprintf(best, sizeof(best), "%s.best", key);
	measure(key, chunks[CHUNKS / 2]);
	measure(best, chunks[0]);
}

/* The distance of the two CPUs: the time until one CPU sees what the other CPU has written. */

#define HOPS 20500
static struct {
	_Alignas(2 * CACHE_LINE) _Atomic int64_t at;
	_Alignas(2 * CACHE_LINE) char next;
} ball;

static void *return_ball(void *unused)
{
	(void)unused;
	pin(worker_cpu);
	for (int64_t i = 0; i < HOPS; i++) {
		while (atomic_load(&ball.at) != 2 * i + 1)
			relax();
		atomic_store(&ball.at, 2 * i + 2);
	}
	return NULL;
}

static void hop(const char *name)
{
	pthread_t thread;
	double chunks[HOPS / 500];

	ball.at = 0;
	check("pthread_create", pthread_create(&thread, NULL, return_ball, NULL));
	pin(producer_cpus[0]);
	int64_t begin = now();
	for (int64_t i = 0; i < HOPS; i++) {
		atomic_store(&ball.at, 2 * i + 1);
		while (atomic_load(&ball.at) != 2 * i + 2)
			relax();
		if (i % 500 == 499) {
			int64_t end = now();
			chunks[i / 500] = (double)(end - begin) / 1000;
			begin = end;
		}
	}
	pthread_join(thread, NULL);
	qsort(chunks, HOPS / 500, sizeof(*chunks), by_size);
	measure(name, chunks[HOPS / 1000]);
}

static void queue(bool spins, int spin_samples, int sleep_samples, int64_t count)
{
	pthread_t thread;

	hop("hop");
	for (int p = 0; p < MAX_PRODUCERS; p++) {
		items[p] = calloc(RING, sizeof(struct item));
		if (items[p] == NULL)
			fail("calloc", ENOMEM);
		for (int i = 0; i < RING; i++) {
			items[p][i].fn = work;
			items[p][i].arg = &sinks[p];
		}
	}
	check("pthread_create", pthread_create(&thread, NULL, worker, NULL));
	pin(producer_cpus[0]);
	one_at_a_time("spinning", spin_samples, 1000, false, false);
	one_at_a_time("filled", spin_samples, 1000, false, true);
	if (!spins)
		one_at_a_time("asleep", sleep_samples, 250000, true, false);
	stream(1, count / 10);
	throughput("one.item", 1, count);
	throughput("two.item", 2, count);
	end();
	pthread_join(thread, NULL);
	hop("hop.after");
}

/* The mask really changes at each call, and the thread never has to move. */
static double pin_cost(int64_t calls, bool read_back)
{
	cpu_set_t wide = one_cpu(producer_cpus[0]), narrow = wide;
	CPU_SET(worker_cpu, &wide);
	int64_t begin = now();

	for (int64_t i = 0; i < calls; i++) {
		cpu_set_t *set = i & 1 ? &wide : &narrow, got;
		if (sched_setaffinity(0, sizeof(*set), set) != 0)
			fail("sched_setaffinity", errno);
		if (read_back && (sched_getaffinity(0, sizeof(got), &got) != 0 || !CPU_EQUAL(set, &got)))
			fail("sched_getaffinity", EINVAL);
	}
	return (double)(now() - begin) / (double)calls;
}

static double getcpu_cost(int64_t calls)
{
	volatile int cpu;
	int64_t begin = now();

	for (int64_t i = 0; i < calls; i++)
		cpu = sched_getcpu();
	(void)cpu;
	return (double)(now() - begin) / (double)calls;
}

/* timer: a hashed wheel under a mutex, as a server in C has it. */

#define SLOTS 4096
#define TICK 1000000
#define TIMERS 1000

struct timer {
	TAILQ_ENTRY(timer) entry;
	int64_t deadline;
	int slot;
};

static struct {
	pthread_mutex_t mutex;
	TAILQ_HEAD(slot, timer) slots[SLOTS];
} wheel = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void arm(struct timer *timer, int64_t deadline)
{
	timer->deadline = deadline;
	timer->slot = (int)(deadline / TICK % SLOTS);
	pthread_mutex_lock(&wheel.mutex);
	TAILQ_INSERT_TAIL(&wheel.slots[timer->slot], timer, entry);
	pthread_mutex_unlock(&wheel.mutex);
}

static void cancel(struct timer *timer)
{
	pthread_mutex_lock(&wheel.mutex);
	TAILQ_REMOVE(&wheel.slots[timer->slot], timer, entry);
	pthread_mutex_unlock(&wheel.mutex);
}

static double arm_and_cancel(struct timer *timers, int64_t calls, bool absolute)
{
	double chunks[CHUNKS];
	int64_t fixed = now() + 3600 * NANOS;

	for (int chunk = 0; chunk < CHUNKS; chunk++) {
		int64_t begin = now();
		for (int64_t i = 0; i < calls; i++) {
			struct timer *timer = &timers[i % TIMERS];
			arm(timer, absolute ? fixed + i : now() + 3600 * NANOS);
			cancel(timer);
		}
		chunks[chunk] = (double)(now() - begin) / (double)calls;
	}
	qsort(chunks, CHUNKS, sizeof(chunks[0]), by_size);
	return chunks[CHUNKS / 2];
}

static void *sleep_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void timer(int cpu, int64_t calls)
{
	static const int pending[] = {10, 1000000};
	pthread_t other;

	pin(cpu);
	/* In a process with one thread a mutex takes no atomic operation. */
	check("pthread_create", pthread_create(&other, NULL, sleep_for_ever, NULL));
	for (int i = 0; i < 2; i++) {
		for (int slot = 0; slot < SLOTS; slot++)
			TAILQ_INIT(&wheel.slots[slot]);
		struct timer *timers = calloc((size_t)(TIMERS + pending[i]), sizeof(*timers));
		if (timers == NULL)
			fail("calloc", ENOMEM);
		for (int j = 0; j < pending[i]; j++)
			arm(&timers[TIMERS + j], now() + 1000 * NANOS + j * (int64_t)TICK);
		arm_and_cancel(timers, calls, false);
		printf("\"timer.%d\":%.2f,", pending[i], arm_and_cancel(timers, calls, false));
		if (i == 0)
			printf("\"timer.absolute\":%.2f,", arm_and_cancel(timers, calls, true));
		free(timers);
	}
	printf("\"timer.bytes\":0");
}

static void micro(int64_t calls)
{
	pin(producer_cpus[0]);
	pin_cost(calls / 1000, false);
	measure("pin", pin_cost(calls / 100, false));
	measure("pin.checked", pin_cost(calls / 100, true));
	measure("getcpu", getcpu_cost(calls));
}

int main(int argc, char **argv)
{
	if (argc != 8) {
		fprintf(stderr, "usage: reference mutex|futex|spin|timer|micro PRODUCER_CPU SECOND_PRODUCER_CPU WORKER_CPU SPIN_SAMPLES"
				" SLEEP_SAMPLES ITEMS\n");
		return 2;
	}
	const char *kind = argv[1];
	producer_cpus[0] = atoi(argv[2]);
	producer_cpus[1] = atoi(argv[3]);
	worker_cpu = atoi(argv[4]);
	int spin_samples = atoi(argv[5]), sleep_samples = atoi(argv[6]);
	int64_t count = atoll(argv[7]);
	if (spin_samples < 1 || sleep_samples < 1 || count < 1000) {
		fprintf(stderr, "reference: at least one sample of each kind and 1000 items\n");
		return 2;
	}
	printf("{");
	if (strcmp(kind, "mutex") == 0) {
		TAILQ_INIT(&tq.items);
		add = mutex_add;
		loop = mutex_loop;
		end = mutex_end;
		queue(false, spin_samples, sleep_samples, count);
	} else if (strcmp(kind, "futex") == 0 || strcmp(kind, "spin") == 0) {
		list.sleeps = kind[0] == 'f';
		add = list_add;
		loop = list_loop;
		end = list_end;
		queue(!list.sleeps, spin_samples, sleep_samples, count);
	} else if (strcmp(kind, "timer") == 0) {
		timer(atoi(argv[2]), count / CHUNKS);
	} else if (strcmp(kind, "micro") == 0) {
		micro(count);
	} else {
		fprintf(stderr, "reference: %s is none of mutex, futex, spin, timer and micro\n", kind);
		return 2;
	}
	printf("}\n");
	return 0;
}
