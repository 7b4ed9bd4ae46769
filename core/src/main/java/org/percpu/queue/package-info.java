// SPDX-License-Identifier: BSD-2-Clause
/**
 * The one engine under all queues; not exported.
 *
 * <p><b>Items are the caller's.</b> An {@link org.percpu.queue.Item} carries its own links and the number of the queue it is pending
 * on. Setting that owner is a compare-and-set from 0, so an item can be pending once, on one queue, whoever races (OTQ-14), and
 * enqueueing allocates nothing. Links and mark lie beside the caller's data: a hand-over moves one cache line for the queue's head and
 * one for the item.
 *
 * <p><b>The inbox</b> ({@link org.percpu.queue.Inbox}) is a lock-free list as Linux has in {@code llist.h}: producers push with one
 * compare-and-set, the consumer takes everything with another and links it the other way too. A push cannot be seen half done, so
 * a producer that Linux preempts in the middle of it never holds up the consumer. Markers in the head tell a producer, in the same
 * compare-and-set, whether the worker sleeps and must be woken, or the queue is closed.
 *
 * <p><b>The worker</b> of a serial queue keeps the batch in a local variable and runs it as NetBSD does. What it writes for each work are
 * numbers and nulls, without a fence: a reference would cost a store barrier of the collector, and a fence would wait until the work's
 * cache line has come back. Whoever must know what it runs finds the {@linkplain org.percpu.queue.Item#id id}; whoever takes the rest of
 * the batch from a stuck worker finds it from its newest work backwards.
 *
 * <p><b>The doorbell</b> ({@link org.percpu.queue.Doorbell}) is a futex on a word in native memory. Of the pushes only the one that
 * replaces the "parked" marker rings it: one system call for each time a worker has fallen asleep. Others ring when a queue ends, when C
 * code has posted, and when a worker of several passes on what it does not take itself.
 *
 * <p><b>Memory order.</b> What a caller wrote before a push is visible to the callback, by the compare-and-set on the head and the
 * one that takes it. A caller of task_add or softint_schedule who finds the item pending adds nothing and relies on the run that is
 * to come (OTQ-11): he has put a full fence before that look, and the worker puts one between the release and the callback's reads; one
 * of the two sees the other. workqueue_enqueue refuses a pending work instead, so the worker of a workqueue needs none. Nor has it one
 * before it looks for waiters, see {@link org.percpu.queue.RunQueue#await}.
 */
@NullMarked
package org.percpu.queue;

import org.jspecify.annotations.NullMarked;
