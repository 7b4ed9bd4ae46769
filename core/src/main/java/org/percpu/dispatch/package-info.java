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
 * <p><b>Signals.</b> A line takes a signal when it needs one, and gives it back when the line is closed. Several copies
 * of this package in one process take different signals ({@code Signals}). A signal that was ignored when the process
 * began is free too.
 *
 * <p>Giving a signal back must not end the process. A real-time signal ends it by default, and some may be pending, for
 * the process or for threads that block them. So the signal is first set to be ignored, which makes the kernel discard
 * every pending one. Then it gets its old disposition. The signal is not given back while a handler runs for it, since
 * that handler may send the signal once more. In that case the next line that takes or gives back a signal completes
 * the step. A sender that goes on after the line is closed meets the old disposition.
 *
 * <p><b>Asleep.</b> A thread with a level does not park. It sleeps on the word that its interrupts ring, from C too
 * ({@link org.percpu.dispatch.Sleep}). When the word is rung, the thread runs the handlers that its level allows, and
 * then sleeps on for the time that is left. Only a wake-up ends the sleep. Every wait of the library is made of such
 * sleeps: tsleep, condition variables, waits for works and barriers, joins, and the ends of queues and kernels. The
 * waits for mutexes and for the kernel lock are made of them too ({@link org.percpu.dispatch.Turnstile}); there the
 * thread keeps its level and its place in the queue.
 *
 * <p>During such a wait the thread holds no internal lock of the library, and not the interlock of the sleep. In a
 * sleep it does not hold the kernel lock either. So a handler may take the locks that its level allows, and may wake
 * threads. Waits for a lock or latch that is not the library's are not covered. There are three: the wait to retake an
 * interlock that is a {@code ReentrantLock} after a sleep, {@code CpuThread.awaitGone}, and the creator's wait for the
 * start of a thread.
 *
 * <p><b>Lazy masking.</b> A level is a word in native memory. The signal handler reads it. If the signal's rank is not
 * above the level, the handler blocks, in the saved context, all signals that the level masks, and makes a note. The
 * block takes effect when the handler returns. A thread that lowers its level looks at one word, which holds that note
 * and the pending ranks. The store of the level and this look are on the thread that the handler interrupts. So the
 * processor keeps their order anyway, and only the compilers must be told to: the fences there cost nothing. In EAGER
 * mode each change of the level is a system call instead.
 *
 * <p><b>The library</b> is loaded at the first use. The load runs on a new thread, so neither an interrupt nor a short
 * stack of the caller can spoil it. The library is loaded from a file in memory or, if the kernel offers no such file,
 * from a private folder. A load that failed is tried again. Without the library no line has a signal, so there is
 * nothing to mask, and a level is a word that only Java reads.
 *
 * <p><b>Nothing is lost.</b> Rings are bounded. When 1024 values wait, callers are refused. From then on the handler
 * leaves the line's signal blocked until there is room, and the kernel queues the signals that come. A signal that
 * meets a thread which is not the receiver is passed on through memory, and that thread takes no more signals of the
 * line. Once a signal has been taken from the kernel, it cannot be returned where RLIMIT_SIGPENDING allows no more, and
 * its sender was told that it was sent. So 1024 further slots are reserved for signals. Callers cannot fill them.
 * Triggers from this process go through memory alone, so the limit of pending signals does not concern them.
 *
 * <p><b>Order.</b> A ring is first in, first out, and a sender writes its values to the ring one after the other. So
 * the order is lost only if two threads write for one sender, that is, if each of them takes a signal that was directed
 * to the process. To prevent that, every thread but the receiver would have to block such signals, and the library
 * cannot block signals on threads that are not its own. So no order is promised for signals that are directed to the
 * process.
 *
 * <p><b>Memory</b> that a handler or a poster may touch is never freed, not even with the class loader of this package.
 * It is reused instead. The memory of a thread is reused when Linux says that the thread is gone. The memory of a line
 * or work is reused, under another handle, when no poster is inside. The memory of an inbox is reused when its queue
 * has ended and all its works are closed. libpercpu gives out the handles, so copies of this package that share one
 * library never have the same handle.
 *
 * <p><b>A posted work.</b> The poster marks the work and then links it to the inbox. The worker unlinks the work and
 * then clears the mark. The memory of a marked work is not reused. A poster that finds the mark set relies on the
 * poster that set it. So a queue that ends waits for the posters inside. A queue that is dropped waits only for a
 * moment, then forbids links, and then takes back the works that it finds marked. So every accepted post is run or
 * returned. A poster that finds the ring full still marks and links the work; only its value is refused.
 *
 * <p>Before a callback the worker notes where the ring ends. After the callback it lets go the values before that point
 * which were not drained ({@code Undrained}). So a ring that no callback drains is empty again after the run to which
 * its values have led.
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
 * <li>{@code SleepQueue}: sleeps in the order in which they came.
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
