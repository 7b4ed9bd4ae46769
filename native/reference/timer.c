/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The yardstick of percpu timerlat: a thread on each CPU that sleeps with clock_nanosleep(TIMER_ABSTIME) from one period
 * to the next and notes how late it wakes. Prints one JSON object for each CPU: lateness in nanoseconds, each with its
 * count, and how many periods were left out.
 */
#include "common.h"

#include <sys/mman.h>
#include <sys/prctl.h>

#define EXACT (1 << 21) /* ns; what is later is kept one by one */
#define MANY_LATE (1 << 16)

struct place {
	pthread_t thread;
	int cpu;
	uint32_t *counts; /* by lateness */
	int64_t late[MANY_LATE];
	int lates;
	int64_t missed;
};

static int policy;
static int priority;
static int64_t interval;
static int64_t duration;
static int64_t start;

static void sleep_until(int64_t time)
{
	struct timespec at = {.tv_sec = time / NANOS, .tv_nsec = time % NANOS};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static void *measure(void *arg)
{
	struct place *place = arg;
	struct sched_param param = {.sched_priority = priority};

	pin(place->cpu);
	check("pthread_setschedparam", pthread_setschedparam(pthread_self(), policy, &param));
	prctl(PR_SET_TIMERSLACK, 1UL);
	int64_t next = start;
	while (next < start + duration) {
		sleep_until(next);
		int64_t time = now();
		int64_t late = time - next;
		if (late < 0)
			fail("woken before its time", EINVAL);
		if (late < EXACT)
			place->counts[late]++;
		else if (place->lates < MANY_LATE)
			place->late[place->lates++] = late;
		int64_t passed = late / interval;
		place->missed += passed;
		next += (passed + 1) * interval;
	}
	return NULL;
}

static void print(const struct place *place)
{
	const char *comma = "";

	printf("{\"cpu\":%d,\"missed\":%lld,\"values\":[", place->cpu, (long long)place->missed);
	for (int i = 0; i < EXACT; i++) {
		if (place->counts[i] > 0) {
			printf("%s[%d,%u]", comma, i, place->counts[i]);
			comma = ",";
		}
	}
	for (int i = 0; i < place->lates; i++) {
		printf("%s[%lld,1]", comma, (long long)place->late[i]);
		comma = ",";
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fprintf(stderr, "usage: timer other|fifo|rr PRIORITY INTERVAL_NS DURATION_NS CPU...\n");
		return 2;
	}
	policy = strcmp(argv[1], "fifo") == 0 ? SCHED_FIFO : strcmp(argv[1], "rr") == 0 ? SCHED_RR : SCHED_OTHER;
	priority = policy == SCHED_OTHER ? 0 : atoi(argv[2]);
	interval = atoll(argv[3]);
	duration = atoll(argv[4]);
	int count = argc - 5;
	struct place *places = calloc((size_t)count, sizeof(*places));
	if (places == NULL)
		fail("calloc", ENOMEM);
	for (int i = 0; i < count; i++) {
		places[i].cpu = atoi(argv[5 + i]);
		places[i].counts = calloc(EXACT, sizeof(uint32_t));
		if (places[i].counts == NULL)
			fail("calloc", ENOMEM);
	}
	mlockall(MCL_CURRENT | MCL_FUTURE);
	start = now() + 100 * 1000 * 1000;
	for (int i = 0; i < count; i++)
		check("pthread_create", pthread_create(&places[i].thread, NULL, measure, &places[i]));
	for (int i = 0; i < count; i++)
		check("pthread_join", pthread_join(places[i].thread, NULL));
	for (int i = 0; i < count; i++)
		print(&places[i]);
	return 0;
}
