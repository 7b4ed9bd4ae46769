/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * percpu from C: posts work to a queue, or triggers an interrupt line, from a signal handler or from any thread.
 *
 * Both functions are async-signal-safe and lock-free, never wait, and keep errno. They take a handle that Java gives
 * out (NativeWork.handle(), InterruptLine.handle()). C code may get the handle in any way: as an argument, through
 * shared memory, in a sigval.
 *
 * A number that is no open handle is refused, and nothing else happens. Handles are not pointers and are never reused.
 * The table of handles lives as long as the process, whatever becomes of the Java half.
 *
 * The Java half loads the library. A program that is not linked to the library has two ways to find the functions. It
 * may call dlsym(3) on the handle of dlopen(path, RTLD_NOW | RTLD_NOLOAD): Java's SplSupport.get().library() names the
 * path, even if the file no longer exists. Or Java passes the addresses of the functions to it
 * (NativeWork.postFunction(), InterruptLine.triggerFunction()).
 */
#ifndef PERCPU_H
#define PERCPU_H

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. It changes when programs have to be compiled again. */
#define PERCPU_VERSION 1

/* While so many values wait at a handle, percpu_post and percpu_trigger refuse further values with -EAGAIN. */
#define PERCPU_VALUES 1024

/* Returns the version of the loaded library. It is PERCPU_VERSION if the library matches this file. */
long percpu_version(void);

/*
 * Posts a work or task with a value. The callback of the work will run on its queue, and finds the value behind earlier
 * ones. The values of one caller stay in order. A queue drops the work only if its drain runs out of time; it then
 * returns the work to the caller of the drain.
 *
 * The callback takes the values. This is called draining:
 *
 *     NativeWork rx = wq.nativeWork(work, cpu);      // in Java; rx.handle() is the handle
 *     ... rx.drain(value -> handle(value)); ...      // in the callback of the work
 *
 * If nobody drains while the callback runs, the values that waited when it began are dropped when it returns, and
 * counted in rx.state().undrained(). So a callback that does not use values need not drain. It still runs once for each
 * burst of posts.
 *
 * Returns
 *   0            queued: the work was not pending and now is
 *   1            the work was pending already; the run to come finds this value too
 *   -EAGAIN      PERCPU_VALUES values wait: the value was not taken; the callback still runs, and its run makes room
 *   -ESHUTDOWN   the queue has ended or is about to: nothing was posted
 *   -EINVAL      no such handle: nothing was posted
 */
long percpu_post(long handle, long value);

/*
 * Triggers an interrupt line with a value. The line's handler will run once for the value, on the line's receiver, when
 * the receiver's level is below the line's level.
 *
 * The values of one caller arrive in order. So do the values of signals sent to the receiver's thread. The values of
 * signals that sigqueue(3) directs to the process may arrive in another order, because two threads may take two of the
 * signals.
 *
 * The receiver's thread must be alive. If the thread has ended and nobody has closed the line, the values wait for
 * ever. This function does not report that as an error.
 *
 * Returns
 *   0            the value waits for the receiver
 *   -EAGAIN      PERCPU_VALUES values wait: the value was not taken; a work that the line is bound to runs nevertheless
 *   -ESHUTDOWN   the line is bound to a work whose queue has ended: nothing was raised
 *   -EINVAL      no such handle: nothing was raised
 */
long percpu_trigger(long handle, long value);

/*
 * Timers. There is no function here that arms or cancels a callout or a timeout, because none could be called in a
 * signal handler: a timer lies on the wheel of a clock, behind a lock, and the handler may have interrupted the very
 * thread that holds it. So C code asks Java, and the value says what for:
 *
 *     InterruptLine line = InterruptLine.establish(receiver, "retransmit", Ipl.SOFTCLOCK, nanos -> {   // in Java
 *         if (nanos < 0)
 *             callout.stop();
 *         else
 *             callout.scheduleAt(nanos);
 *     });
 *
 *     struct timespec now;                                                                             // in C
 *     clock_gettime(CLOCK_MONOTONIC, &now);
 *     percpu_trigger(handle, now.tv_sec * 1000000000 + now.tv_nsec + 5000000);     // in 5 ms from now
 *     percpu_trigger(handle, -1);                                                  // not any more
 *
 * The moment is absolute, so that the way through the line does not delay it. The same works with percpu_post and a work
 * whose callback arms the timer. A request to stop is no promise: the timer may expire before the handler runs.
 */

#ifdef __cplusplus
}
#endif

#endif
