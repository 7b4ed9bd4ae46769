// SPDX-License-Identifier: BSD-2-Clause
/**
 * How interrupts and posted works reach a thread: the machinery below {@code org.percpu.ipl} and
 * {@code org.percpu.intr}; not exported.
 *
 * <p><b>The handler and the Java half.</b> Java code never runs in a signal handler. The handler is C
 * ({@code native/src/percpu.c}): it writes the value to the port of the line and rings the receiver, or posts a bound
 * work to its queue. The Java half runs on the receiving thread, the next time that the thread checks for interrupts at
 * a level that allows them. A thread checks when it lowers its level, when it polls, and in sleeps of the library. The
 * worker of a queue checks between callbacks, and when it has nothing to do. An idle worker of a queue with several
 * workers may not check before its next callback.
 *
 * <p><b>Signals</b> are taken by a line when it needs one and given back when it is closed; several copies of this
 * package in one process take different ones ({@code Signals}). A signal that was ignored when the process began is
 * free too. Giving back must not end the process: real-time signals do that by default, and some may be pending, for
 * the process or for threads that have them blocked. So the signal is first made ignored, for which the kernel throws
 * away every pending one, and then gets its old disposition. It is not given back while a handler is in the middle of
 * it, since that may send it once more; then the next line that comes or goes does it. A sender that goes on after the
 * line is closed meets the old disposition.
 *
 * <p><b>Asleep.</b> A thread with a level does not park: it sleeps on the word that its interrupts ring
 * ({@link org.percpu.dispatch.Sleep}), from C too, runs what its level allows, and goes on sleeping for the time left.
 * Only a wake-up ends the sleep. tsleep, condition variables, waits for works and barriers, joins, and the ends of
 * queues and kernels are made of it; so are the waits for mutexes and for the kernel lock
 * ({@link org.percpu.dispatch.Turnstile}), at the level of the waiter, which keeps its place. No lock of the library is
 * held meanwhile, nor its interlock, nor the kernel lock in a sleep: a handler may take those that its level allows,
 * and wake. Not covered are waits whose lock or latch is not the library's: an interlock that is a
 * {@code ReentrantLock} while it is retaken behind a sleep, {@code CpuThread.awaitGone}, and the start of a thread for
 * its creator.
 *
 * <p><b>Lazy masking.</b> A level is a word in native memory. The handler reads it; if the signal's rank is not above,
 * it blocks all that the level masks in the saved context, so that it takes effect when the handler returns, and notes
 * so. Lowering looks at one word for that note and for pending ranks. Store and look are on the thread that the handler
 * interrupts: the compilers must keep their order, the processor does anyway, and so there are fences that cost
 * nothing. EAGER mode is a system call at each change instead.
 *
 * <p><b>The library</b> is loaded at the first use, on a thread of its own: neither an interrupt nor a short stack of
 * the caller can spoil that. It comes from a file in memory, or from a private folder where the kernel offers none. A
 * load that failed is tried again. Without it no line has a signal, so there is nothing to mask, and levels are a word
 * that only Java reads.
 *
 * <p><b>Nothing is lost.</b> Rings are bounded. Callers are refused when 1024 values wait, and from then on the handler
 * leaves a signal blocked, and the kernel queues what comes, until there is room. A signal that meets a thread which is
 * not the receiver is passed on through memory, and that thread takes no more of them. Once a signal has been taken
 * from the kernel, it cannot be returned where RLIMIT_SIGPENDING allows no more, and its sender was told that it was
 * sent. So 1024 further slots are reserved for signals. Callers cannot fill them. Triggers from this process go through
 * memory alone: a full limit of pending signals cannot hurt them.
 *
 * <p><b>Order.</b> A ring is first in, first out, and a sender writes to it one value after the other. So order is lost
 * only where two threads write for one sender: when each takes a signal that was directed to the process. Blocking such
 * signals everywhere but on the receiver would mend that, but the library cannot do so for the threads of others. So no
 * order is promised for them.
 *
 * <p><b>Memory</b> that a handler or a poster may touch is never freed, not even with the class loader of this package,
 * but it is used again: that of threads when Linux says that the thread is gone, that of lines and works under another
 * handle when no poster is inside, that of an inbox when its queue has ended and all its works are closed. Handles are
 * given out by libpercpu, so that copies of this package that share one library never have the same.
 *
 * <p><b>A posted work</b> is marked by its poster, then linked to the inbox; the worker unlinks it, then clears the
 * mark. Its memory is not used again while it is marked. A poster that finds the mark set relies on the other one. So a
 * queue that ends waits for posters inside; one that is dropped waits for a moment only, then forbids links, and then
 * takes back what it finds marked: an accepted post is run or returned. A poster that finds the ring full marks and
 * links the work all the same, and only its value is refused. The worker notes before a callback where the ring ends,
 * and lets go behind it what stood before that and was not drained ({@code Undrained}). So a ring that no callback
 * drains is empty again when the run that its values have led to is over.
 *
 * <p><b>Queues</b> need no mutex at their level here: enqueueing is lock-free, and handlers run where no lock of a
 * queue is held. A wake-up is a futex call and allowed at every level, so there is no deferred wake-up.
 *
 * <p><b>Names.</b>
 *
 * <ul>
 * <li>{@code Dispatcher}: the interrupts of one thread: what is pending, what may run, and the bell that wakes it.
 * <li>{@code Bell}: the word on which a thread sleeps while it waits for interrupts.
 * <li>{@code Faces}: makes of a posted work what users see.
 * <li>{@code Dispatchers}: finds the dispatcher of the calling thread, and makes it at the first use.
 * <li>{@code Level}: the level word of one thread and its signal mask.
 * <li>{@code Rank}: the place of a level on the ladder, as a number.
 * <li>{@code LevelRules}: what a thread must not do at its level.
 * <li>{@code HeldMutexes}: the spin mutexes that a thread holds, and the level each release goes back to.
 * <li>{@code Source}: a source of interrupts for one thread; a line, as its dispatcher sees it.
 * <li>{@code Port}: a bounded queue of values in native memory, with a handle.
 * <li>{@code Ports}: the place where ports come from and go back to.
 * <li>{@code Posted}: a work that can be posted, as the inbox of its queue sees it.
 * <li>{@code PostedWork}: such a work; users see it as {@code NativeWork}.
 * <li>{@code ClosedWorks}: works that are closed and whose memory is still in use.
 * <li>{@code NativeInbox}: the native list of the posted works of one queue.
 * <li>{@code Undrained}: the step of a worker that lets go the values which a callback has not drained.
 * <li>{@code Sleep}: one sleep of one thread, which interrupts do not end.
 * <li>{@code Turnstile}: the base of the library's locks: it queues the threads that wait.
 * <li>{@code Signals}: the real-time signals that lines take and give back.
 * <li>{@code Holder}: who has a signal, for messages.
 * <li>{@code LibPercpu}: the functions of the loaded libpercpu.
 * <li>{@code LibraryFile}: the file from which libpercpu is loaded.
 * <li>{@code MemoryFile}: a file in memory, memfd_create(2), for that.
 * <li>{@code Loading}: a thread of its own for the first load.
 * <li>{@code Support}: what works in this process.
 * <li>{@code Memory}: the layouts of the native memory that Java and libpercpu share.
 * <li>{@code Words}: plain access to the words of native memory that hot calls read and write.
 * </ul>
 */
@NullMarked
package org.percpu.dispatch;

import org.jspecify.annotations.NullMarked;
