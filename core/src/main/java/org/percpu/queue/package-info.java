// SPDX-License-Identifier: BSD-2-Clause
/**
 * The one engine under all queues; not exported.
 *
 * <p><b>Items are the caller's.</b> An {@link org.percpu.queue.Item} carries its own links and the number of the queue
 * it is pending on. Setting that owner is a compare-and-set from 0, so an item can be pending once, on one queue, even
 * if several threads race (OTQ-14). Enqueueing allocates nothing. Links and mark lie beside the caller's data: a
 * hand-over moves one cache line for the queue's head and one for the item.
 *
 * <p><b>The inbox</b> ({@link org.percpu.queue.Inbox}) is a lock-free list as Linux has in {@code llist.h}: producers
 * push with one compare-and-set, the consumer takes everything with another and links it the other way too. A push
 * cannot be seen half done, so a producer that Linux preempts in the middle of it never holds up the consumer. Markers
 * in the head tell a producer, in the same compare-and-set, whether the worker sleeps and must be woken, or the queue
 * is closed.
 *
 * <p><b>The worker</b> of a serial queue keeps the batch in a local variable and runs it as NetBSD does. What it writes
 * for each work are numbers and nulls, without a fence: a reference would cost a store barrier of the collector, and a
 * fence would wait until the work's cache line has come back. A thread that must know what the worker runs reads the
 * {@linkplain org.percpu.queue.Item#id id}. A thread that takes the rest of the batch from a stuck worker follows the
 * links from the newest work backwards.
 *
 * <p><b>A shared queue with one worker</b> is nearly as fast, although items can be taken back from it. Its worker takes
 * up to 64 items under one lock and starts each by a compare-and-set ({@link org.percpu.queue.Portion}). A thread that
 * takes back one of them gives the rest of them back to the ready list first. Workers of a queue with several take one
 * item at a time, under the lock, which keeps the order of their starts.
 *
 * <p><b>Shared threads.</b> In a kernel with shared workers the queues of one CPU and priority have one thread
 * ({@link org.percpu.queue.WorkerPool}). The thread is the worker of a serial queue whose items are turns, one for each
 * queue that has something to do. Nothing changes for a push: the one that replaces the "parked" marker rings the
 * queue's doorbell, and this doorbell appends the turn to the thread's queue, which costs no more than an enqueue and
 * wakes the thread if it sleeps. A {@link org.percpu.queue.PooledQueue} has all that a serial queue has, also a worker
 * with its counters; only its worker has no thread of its own and does not sleep. In a turn the worker runs the batch,
 * and further batches while no other queue waits for its turn. Then it puts the marker back. If a batch has no end,
 * because its callbacks take long, the other queues of the CPU wait: the library makes no second thread, as Linux and
 * NetBSD's threadpool do when a work sleeps.
 *
 * <p>A pooled queue can end without its thread: whoever takes the state from idle to "in a turn" may act as the worker
 * for a moment, and shuts the inbox if it is empty. So one queue can be destroyed while a callback of another one keeps
 * the thread. A callback that ends another queue of its thread ends that queue itself.
 *
 * <p><b>The doorbell</b> ({@link org.percpu.queue.Doorbell}) is a futex on a word in native memory. Of the pushes only
 * the one that replaces the "parked" marker rings it: one system call for each time a worker has fallen asleep. Others
 * ring when a queue ends, when C code has posted, and when a worker of several passes on what it does not take itself.
 *
 * <p><b>How it looks from outside.</b> Java does not know of futexes, so thread dumps and profilers show an idle worker
 * as RUNNABLE in native code. Its state is in three other places. A thread dump has a line "parking to wait for", with
 * the queue as the blocker, for a worker that is parked and for no other one. The workers of a queue say what they run
 * and what they wait for, see {@link org.percpu.kernel.WorkerState}: an idle worker waits for its queue, also while it
 * spins. The stat of its {@link org.percpu.kernel.Lwp} is LSSLEEP while it is parked. A worker that spins runs, and
 * shows no blocker.
 *
 * <p><b>Memory order.</b> What a caller wrote before a push is visible to the callback, by the compare-and-set on the
 * head and the one that takes it. A caller of task_add or softint_schedule that finds the item pending adds nothing. It
 * relies on the run that is to come (OTQ-11). The caller puts a full fence before it looks at the item. The worker puts
 * a full fence between the release and the callback's reads. So one of the two sees the other. workqueue_enqueue
 * refuses a pending work instead, so the worker of a workqueue needs no fence there.
 *
 * <p><b>Waiters.</b> A worker changes something, such as the item that it runs, and then looks whether a thread waits.
 * A waiter counts itself and then looks for the change. One of the two must see the other, which takes a full fence on
 * both sides. The worker of a serial queue has no such fence, because it would pay for it with each item. The waiter is
 * the rare side, so it puts that fence into the worker: membarrier(2) makes each thread of the process that runs now
 * pass a full fence before the call returns ({@link org.percpu.queue.Membarrier}). If the worker missed the waiter,
 * then its look came before that fence, and the change before the look; so the waiter sees the change. The process
 * registers at its first wait. Where membarrier(2) is missing (Linux before 4.14, a sandbox that refuses it), the waiter
 * looks a second time a millisecond later, when the change has long left the processor that made it.
 *
 * <p><b>Items that wait for their time</b> ({@link org.percpu.queue.Delay}) are pending from the beginning: the queue
 * claims the item before the timer is armed, and the clock pushes it without another claim. Until then it is in a list
 * of the queue ({@link org.percpu.queue.Delays}). Whoever takes it off that list, under the list's monitor, decides: the
 * clock, a cancel, or the end of the queue. So exactly one of them happens.
 *
 * <p><b>Taking a work back from a serial queue.</b> Its worker takes and starts works without a lock, so the caller is
 * the side that pays ({@link org.percpu.queue.Recall}). It sets a flag that the worker reads before each start, puts a
 * full fence into the worker's thread by membarrier(2), and waits until the worker is in a callback or has no works. From
 * then on the worker takes its steps under the monitor of the doorbell, until the flag is off again. The flag takes the
 * place of the one for the drop, so a worker that nobody disturbs reads no more than before.
 *
 * <p><b>Disabled items.</b> A count takes the place of the owner ({@link org.percpu.queue.Disabling}), so the
 * compare-and-set of an append fails, and only then does the append look why.
 *
 * <p><b>Names.</b>
 *
 * <ul>
 * <li>{@code Item}: the part of a work or task that belongs to the queue: its links, its owner and its id.
 * <li>{@code Append}: the result of appending an item: queued, already pending, or refused.
 * <li>{@code Delay}: the timer of an item that can wait for its time.
 * <li>{@code Delays}: the items of a queue that wait for their time.
 * <li>{@code Call}: the way in which a worker runs an item: it copies the call out, then makes it.
 * <li>{@code Inbox}: the lock-free list to which producers push.
 * <li>{@code Doorbell}: the futex on which idle workers sleep.
 * <li>{@code BellWords}: the native memory of the doorbells, which is never freed.
 * <li>{@code Inlet}: the part of a queue that callers use to append items.
 * <li>{@code Outlet}: an inlet with what one worker needs: where it sleeps, and whether it must end.
 * <li>{@code ItemQueue}: an outlet with its workers and its end; the base class of the next two.
 * <li>{@code SerialQueue}: a queue with one worker, first in, first out.
 * <li>{@code SerialQueues}: questions to several serial queues together.
 * <li>{@code SharedQueue}: a queue with any number of workers, from which items can be taken back.
 * <li>{@code ReadyQueue}: the part of it that its workers use.
 * <li>{@code ReadyList}: its items that have left the inbox.
 * <li>{@code Portion}: the items that its only worker has taken together.
 * <li>{@code Batch}: how far the worker of a serial queue has come with the works that it took together.
 * <li>{@code DroppedBatch}: what becomes of that batch when the queue is dropped.
 * <li>{@code Recall}: takes single works back from a serial queue.
 * <li>{@code Disabling}: keeps items from being pending.
 * <li>{@code Barriers}: the barriers of a shared queue.
 * <li>{@code Membarrier}: a fence in every thread of the process, for waiters.
 * <li>{@code Waiters}: the threads that wait for items of a queue, or for its workers' end.
 * <li>{@code NativeDoor}: the way by which C code posts to a queue.
 * <li>{@code Worker}: a kernel thread that runs the items of one queue.
 * <li>{@code Workers}: the workers of a shared queue.
 * <li>{@code WorkerProgress}: the fields that a worker writes for each item, on cache lines of their own.
 * <li>{@code Ending}: the end of all item queues behind one queue of the interfaces.
 * <li>{@code WorkerPool}: the threads that queues of one priority share, one for each CPU.
 * <li>{@code PoolThread}: one of these threads, with its queue of turns.
 * <li>{@code PooledQueue}: a serial queue that shares its thread.
 * <li>{@code Turn}: the item of a pooled queue that has something to do.
 * <li>{@code PoolBell}: the bell of a pooled queue, which asks for a turn.
 * <li>{@code PoolDoor}: by this door the thread learns that C code has posted to one of its queues.
 * <li>{@code Spinning}: the time for which an idle worker looks for items before it parks.
 * <li>{@code SpinGuard}: the check that real-time workers which never sleep leave the JVM a CPU.
 * <li>{@code QueueNumbers}: the table that finds a queue by its number.
 * </ul>
 */
@NullMarked
package org.percpu.queue;

import org.jspecify.annotations.NullMarked;
