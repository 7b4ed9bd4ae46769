// SPDX-License-Identifier: BSD-2-Clause
/**
 * The one engine under all queues; not exported.
 *
 * <p><b>Items are the caller's.</b> An {@link org.percpu.queue.Item} carries its own link and the queue it is pending on. Setting
 * that owner is a compare-and-set from null, so an item can be pending once, on one queue, whoever races (OTQ-14), and enqueueing
 * allocates nothing.
 *
 * <p><b>The inbox</b> ({@link org.percpu.queue.Inbox}) is a lock-free list as Linux has in {@code llist.h}: producers push with one
 * compare-and-set, the consumer takes everything with one exchange and reverses it. A push cannot be seen half done, so a producer
 * that Linux preempts in the middle of it never holds up the consumer. Markers in the head tell a producer, in the same
 * compare-and-set, whether the worker sleeps and must be woken, or the queue is closed.
 *
 * <p><b>The doorbell</b> ({@link org.percpu.queue.Doorbell}) is a futex on a word in native memory. Only the push that replaces the
 * "parked" marker rings it: one system call for each time a worker has fallen asleep.
 *
 * <p><b>Memory order.</b> What a caller wrote before a push is visible to the callback, by the compare-and-set on the head and the
 * exchange that takes it. Before it runs an item the worker clears the owner with a full fence between that store and the
 * callback's reads; a caller who finds the item still owned has put a full fence before that look. One of the two sees the other
 * (OTQ-11).
 */
@NullMarked
package org.percpu.queue;

import org.jspecify.annotations.NullMarked;
