// SPDX-License-Identifier: BSD-2-Clause
/**
 * Interrupt priority levels, spl(9); mutexes with a level, mutex(9); interrupts that are real-time signals.
 *
 * <p><b>The ladder.</b> {@link org.percpu.ipl.Ipl} is one for both systems. Levels for hardware have a real-time signal
 * each, the highest level the lowest number, so that the kernel hands them out in the order of the levels; {@link
 * org.percpu.ipl.SplSupport} shows which. No level ever blocks a signal that HotSpot, the JDK or the C library uses,
 * nor one that no line has.
 *
 * <p><b>Signals</b> are taken by a line when it needs one and given back when it is closed; several copies of this
 * package in one process take different ones ({@code Signals}). A signal that was ignored when the process began is
 * free too. Giving back must not end the process: real-time signals do that by default, and some may be pending, for
 * the process or for threads that have them blocked. So the signal is first made ignored, for which the kernel throws
 * away every pending one, and then gets its old disposition. It is not given back while a handler is in the middle of
 * it, since that may send it once more; then the next line that comes or goes does it. A sender that goes on after the
 * line is closed meets the old disposition.
 *
 * <p><b>Two halves.</b> Java code never runs in a signal handler. The top half is C ({@code native/src/percpu.c}): it
 * writes the value to the ring of the line and rings the receiver, or posts a bound work to its queue. The bottom half
 * is a Java handler that the receiver runs when its level allows and it looks: {@link org.percpu.ipl.Spl#splx} lowering
 * it, {@link org.percpu.ipl.Spl#poll}, {@link org.percpu.ipl.Spl#awaitInterrupt}, sleeps of the library, and workers of
 * queues between callbacks and when they have nothing to do; of a queue with several workers, one that is idle may stay
 * so until its next callback. A line that must not wait for other code of its thread is established on the interrupt
 * thread of a CPU ({@code Kernel.interrupts}).
 *
 * <p><b>Asleep.</b> A thread with a level does not park: it sleeps on the word that its interrupts ring ({@link
 * org.percpu.ipl.Sleep}), from C too, runs what its level allows, and goes on sleeping for the time left. Only a
 * wake-up ends the sleep. tsleep, condition variables, waits for works and barriers, joins, and the ends of queues and
 * kernels are made of it; so are the waits for mutexes and for the kernel lock ({@link org.percpu.ipl.Turnstile}), at
 * the level of the waiter, which keeps its place. No lock of the library is held meanwhile, nor its interlock, nor the
 * kernel lock in a sleep: a handler may take those that its level allows, and wake. Not covered are waits whose lock or
 * latch is not the library's: an interlock that is a {@code ReentrantLock} while it is retaken behind a sleep, {@code
 * CpuThread.awaitGone}, and the start of a thread for its creator.
 *
 * <p><b>Lazy masking.</b> A level is a word in native memory. The handler reads it; if the signal's rank is not above,
 * it blocks all that the level masks in the saved context, so that it takes effect when the handler returns, and notes
 * so. Lowering looks at one word for that note and for pending ranks. Store and look are on the thread that the handler
 * interrupts: the compilers must keep their order, the processor does anyway, and so there are fences that cost
 * nothing. {@link org.percpu.ipl.SplMode#EAGER} is a system call at each change instead.
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
 * <p><b>Errors</b> of lines and handles are {@code LinuxException}, with the errno that {@code percpu_trigger} and
 * {@code percpu_post} give. A null argument is {@code ErrnoException} EINVAL with its name, as everywhere.
 *
 * <p><b>Rules</b> that comments and tests cite: R1 a level belongs to its thread; R2 raising never lowers; R3 splx runs
 * what is no longer masked before it returns; R4 pairs nest; R5 requests without a value are one; R6 a handler starts
 * and returns at its level; R7 no sleep at a raised level; R9 splassert; R10 spl0 and spllowersoftclock lower whatever
 * is open.
 *
 * <p><b>Names.</b>
 *
 * <ul>
 * <li>{@code Spl}: the level of a thread, and the receiver of its interrupts.
 * <li>{@code InterruptLine}: a source of values for one receiver, with a handler.
 * <li>{@code Port}: a bounded queue of values in native memory, with a handle.
 * <li>{@code Ports}: the place where ports come from.
 * <li>{@code TopHalf}: the functions of the loaded libpercpu.
 * <li>{@code NativeWork}: a work that C code or a line can post.
 * <li>{@code NativeInbox}: the native list of the posted works of one queue.
 * <li>{@code Undrained}: the step of a worker that lets go the values which a callback has not drained.
 * <li>{@code Words}: plain access to the words of native memory that hot calls read and write.
 * <li>{@code Memory}: the layouts of the native memory that Java and libpercpu share.
 * <li>{@code LibraryFile}: the file from which libpercpu is loaded.
 * <li>{@code MemoryFile}: a file in memory, memfd_create(2), for that.
 * <li>{@code Loading}: a thread of its own for the first load.
 * <li>{@code Signals}: the real-time signals that lines take and give back.
 * <li>{@code Sleep}: one sleep of one thread, which interrupts do not end.
 * <li>{@code Turnstile}: the base of the library's locks: it queues the threads that wait.
 * </ul>
 */
@NullMarked
package org.percpu.ipl;

import org.jspecify.annotations.NullMarked;
