/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs of this folder share. */
#ifndef PERCPU_REFERENCE_COMMON_H
#define PERCPU_REFERENCE_COMMON_H

#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CACHE_LINE 64
#define NANOS 1000000000L

static inline void fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(error));
	exit(1);
}

static inline void check(const char *what, int error)
{
	if (error != 0)
		fail(what, error);
}

static inline int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NANOS + t.tv_nsec;
}

static inline cpu_set_t one_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return set;
}

static inline void pin(int cpu)
{
	cpu_set_t set = one_cpu(cpu);

	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fail("sched_setaffinity", errno);
}

/* A ring of a bell that nobody has heard yet costs no system call. */
static inline void ring(_Atomic uint32_t *bell)
{
	if (atomic_exchange(bell, 1) == 0)
		syscall(SYS_futex, bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static inline void await_bell(_Atomic uint32_t *bell)
{
	uint32_t rung = 1;

	while (!atomic_compare_exchange_strong(bell, &rung, 0)) {
		syscall(SYS_futex, bell, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
		rung = 1;
	}
}

#endif
