/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * percpu from C: hand work to a queue, or raise an interrupt line, from a signal handler or from any thread.
 *
 * Both functions are async-signal-safe and lock-free, never wait, and keep errno. They take a handle that Java gives out
 * (NativeWork.handle(), InterruptLine.handle()) and that C may get in any way: as an argument, through shared memory, in a sigval.
 * A handle that is closed, or never was one, is refused and nothing else happens: handles are not pointers and are not reused, and the
 * table that they are looked up in lives as long as the process, whatever becomes of the Java side.
 *
 * The library is loaded by the Java side. A program that is not linked to it finds the functions with dlsym(3) on the handle of
 * dlopen(path, RTLD_NOW | RTLD_NOLOAD), where Java's SplSupport.get().library() names the path (there need not be a file any more), or passes their addresses
 * (NativeWork.postFunction()) around.
 */
#ifndef PERCPU_H
#define PERCPU_H

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface: changes when a program has to be compiled again. */
#define PERCPU_VERSION 1

/* Values that one handle holds before percpu_post says EAGAIN. */
#define PERCPU_VALUES 1024

/*
 * The version of the library that is loaded, PERCPU_VERSION if it is the one of this file.
 */
long percpu_version(void);

/*
 * Posts a work or task with a value: its callback will run on its queue and find the value behind those posted before. Values of one
 * caller stay in their order. Only a queue whose drain runs out of time drops the work, and then returns it to the caller of the drain.
 *
 * The callback takes the values, which is called draining:
 *
 *     NativeWork rx = wq.nativeWork(work, cpu);      // in Java; rx.handle() is the handle
 *     ... rx.drain(value -> handle(value)); ...      // in the callback of the work
 *
 * Values that wait when the callback begins, and of which nobody drains any before it returns, are let go, and counted in
 * rx.state().undrained(). So a callback that has no use for values need not drain, and runs for each burst of posts nevertheless.
 *
 * Returns
 *   0            queued: the work was not pending and now is
 *   1            the work was pending already; the run to come finds this value too
 *   -EAGAIN      PERCPU_VALUES values wait: the value was not taken; the callback runs nevertheless, and then there is room
 *   -ESHUTDOWN   the queue has ended or is about to: nothing was posted
 *   -EINVAL      no such handle: nothing was posted
 */
long percpu_post(long handle, long value);

/*
 * Raises an interrupt line with a value: its handler will run once for it, on the line's receiver and when that is below the line's
 * level. Values of one caller arrive in their order. (Those of signals that sigqueue(3) directs to the process may not: two threads may
 * take two of them. Those of signals to the receiver's thread do.) The receiver's thread must live: of one that has ended, and whose line nobody has closed, the
 * values wait for ever, which is no error here.
 *
 * Returns
 *   0            the value waits for the receiver
 *   -EAGAIN      PERCPU_VALUES values wait: the value was not taken; a work that the line is bound to runs nevertheless
 *   -ESHUTDOWN   the line is bound to a work whose queue has ended: nothing was raised
 *   -EINVAL      no such handle: nothing was raised
 */
long percpu_trigger(long handle, long value);

#ifdef __cplusplus
}
#endif

#endif
