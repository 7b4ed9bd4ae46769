/* SPDX-License-Identifier: BSD-2-Clause */
/* The C half of sample 6: a thread and a signal handler that Java knows nothing about, and that give work to Java. */
#define _GNU_SOURCE
#include "percpu.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

/* percpu_post, whose address Java passes in: this file need not be linked to the library. */
typedef long post_function(long handle, long value);

static post_function *post;
static long thread_handle, signal_handle;
static volatile sig_atomic_t ticks;

static void *thread_main(void *unused)
{
	(void)unused;
	for (long value = 1; value <= 3; value++)
		post(thread_handle, value);
	return NULL;
}

/* Whichever thread the signal hits, the work runs on the CPU that its handle stands for. percpu_post keeps errno. */
static void on_alarm(int signal)
{
	(void)signal;
	if (++ticks <= 3)
		post(signal_handle, ticks);
}

/* Starts a native thread that posts 1, 2 and 3, and waits for its end. 0, or an error number. */
int sample_thread(post_function *percpu_post, long handle)
{
	pthread_t thread;

	post = percpu_post;
	thread_handle = handle;
	int error = pthread_create(&thread, NULL, thread_main, NULL);
	return error != 0 ? error : pthread_join(thread, NULL);
}

/* From now on SIGALRM comes every 10 ms; its handler posts 1, 2 and 3. 0, or an error number. */
int sample_alarm(post_function *percpu_post, long handle)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval every = {.it_interval = {.tv_usec = 10000}, .it_value = {.tv_usec = 10000}};

	post = percpu_post;
	signal_handle = handle;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &every, NULL) != 0)
		return errno;
	return 0;
}

/* No more signals. */
int sample_alarm_off(void)
{
	struct itimerval never = {0};

	return setitimer(ITIMER_REAL, &never, NULL) == 0 ? 0 : errno;
}
