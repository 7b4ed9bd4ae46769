// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.FlightRecorder;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.CpuSet;

/**
 * Writes the flight recorder's events. It writes nothing if the runtime has no flight recorder. The code names the
 * event classes only behind {@link #recorded}. Without the module jdk.jfr, loading an event class throws
 * NoClassDefFoundError. With the module, loading the first event class takes a tenth of a second at the start, which is
 * more than everything else until a thread is pinned.
 */
public final class Events {
    private static final boolean PRESENT = present();

    private Events() {}

    /** Asks the class loader of this class. On the module path this is also false if no module has resolved jdk.jfr. */
    private static boolean present() {
        try {
            return Class.forName("jdk.jfr.Event", false, Events.class.getClassLoader()) != null;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    /**
     * Whether a recording runs or has run in this process. A recording that begins later finds the events at their
     * first use.
     */
    private static boolean recorded() {
        return PRESENT && FlightRecorder.isInitialized();
    }

    /**
     * A thread was placed.
     *
     * @param name its full name
     * @param tid the kernel's thread id
     * @param asked CPUs asked for
     * @param allowed the kernel's mask
     */
    public static void pinned(String name, int tid, CpuSet asked, CpuSet allowed) {
        if (recorded()) {
            PinnedEvent event = new PinnedEvent();
            if (event.shouldCommit()) {
                event.name = name;
                event.tid = tid;
                event.asked = asked.toString();
                event.allowed = allowed.toString();
                event.commit();
            }
        }
    }

    /**
     * The kernel's mask of a thread was no longer the one asked for.
     *
     * @param name its full name
     * @param tid the kernel's thread id
     * @param asked CPUs asked for
     * @param found the kernel's mask
     * @param repinned whether the asked mask could be set again
     */
    public static void pinLost(String name, int tid, CpuSet asked, CpuSet found, boolean repinned) {
        if (recorded()) {
            PinLostEvent event = new PinLostEvent();
            if (event.shouldCommit()) {
                event.name = name;
                event.tid = tid;
                event.asked = asked.toString();
                event.found = found.toString();
                event.repinned = repinned;
                event.commit();
            }
        }
    }

    /**
     * A thread that had lost its pin has its mask again.
     *
     * @param name its full name
     * @param tid the kernel's thread id
     * @param asked CPUs asked for, which are now the kernel's mask
     */
    public static void pinRestored(String name, int tid, CpuSet asked) {
        if (recorded()) {
            PinRestoredEvent event = new PinRestoredEvent();
            if (event.shouldCommit()) {
                event.name = name;
                event.tid = tid;
                event.asked = asked.toString();
                event.commit();
            }
        }
    }

    /**
     * The scheduling that was asked for was not granted.
     *
     * @param name the thread's full name
     * @param tid the kernel's thread id
     * @param asked the scheduling, converted to text if a recording runs
     * @param reason name of the error
     */
    public static void policyDenied(String name, int tid, Object asked, String reason) {
        if (recorded()) {
            PolicyDeniedEvent event = new PolicyDeniedEvent();
            if (event.shouldCommit()) {
                event.name = name;
                event.tid = tid;
                event.asked = asked.toString();
                event.reason = reason;
                event.commit();
            }
        }
    }

    /** A timer that is called later than this is recorded. */
    public static final long LATE_NANOS = 1_000_000;

    /**
     * The function of a timer was called late.
     *
     * @param clock name of the thread that calls it
     * @param timer the timer, whose class is its name in the recording
     * @param lateNanos how much later than its time
     */
    public static void timerLate(String clock, @Nullable Object timer, long lateNanos) {
        if (recorded()) {
            TimerLateEvent event = new TimerLateEvent();
            if (event.shouldCommit()) {
                event.clock = clock;
                event.timer = timer == null ? null : timer.getClass().getName();
                event.late = lateNanos;
                event.commit();
            }
        }
    }

    /**
     * Something makes no progress.
     *
     * @param kernel name of the kernel
     * @param kind what stalls
     * @param subject name of the queue, lock or thread
     * @param item the work that runs, or null
     * @param lastsNanos for how long
     * @param thread name of the thread, or null
     * @param tid its number, or 0
     * @param cpu where it ran last, or -1
     * @param text all of this in a line
     */
    public static void stall(
            String kernel,
            String kind,
            String subject,
            @Nullable String item,
            long lastsNanos,
            @Nullable String thread,
            int tid,
            int cpu,
            String text) {
        if (recorded()) {
            StallEvent event = new StallEvent();
            if (event.shouldCommit()) {
                event.kernel = kernel;
                event.kind = kind;
                event.queue = subject;
                event.item = item;
                event.lasts = lastsNanos;
                event.name = thread;
                event.tid = tid;
                event.cpu = cpu;
                event.text = text;
                event.commit();
            }
        }
    }

    /** Brings {@link Trace} up to date. Cheap if no recording has ever run. */
    public static void refresh() {
        if (recorded()) {
            Trace.refresh();
        }
    }

    /**
     * Makes what a worker writes its runs with.
     *
     * @return null if no recording runs
     */
    public static @Nullable WorkRun works() {
        return recorded() ? new WorkRun() : null;
    }

    /**
     * A work is appended. Call this if {@link Trace#enqueues} says so, before a worker can find the work.
     *
     * @param queue name of the queue
     * @param item what the work calls itself
     * @param id number of the work
     */
    public static void enqueued(String queue, String item, int id) {
        EnqueueEvent event = new EnqueueEvent();
        event.queue = queue;
        event.item = item;
        event.id = id;
        event.cpu = CurrentCpu.get();
        event.commit();
    }

    /**
     * The caller has taken a lock. Call this if {@link Trace#holds} says so.
     *
     * @param lock its name
     * @return to be ended when the lock is free again
     */
    public static Span holds(String lock) {
        return Span.hold(lock);
    }

    /**
     * The caller begins to wait for a lock. Call this if {@link Trace#waits} says so.
     *
     * @param lock its name
     * @param holder the thread that holds it, or null
     * @return to be ended when the wait is over
     */
    public static Span waits(String lock, @Nullable Thread holder) {
        return Span.lockWait(lock, holder == null ? "" : holder.getName());
    }

    /**
     * The caller is at a raised level. Call this if {@link Trace#levels} says so.
     *
     * @param level its name
     * @param rank its rank
     * @return to be ended when the level changes
     */
    public static Span raised(String level, int rank) {
        return Span.raised(level, rank);
    }

    /**
     * The caller begins to run a handler. Call this if {@link Trace#handlers} says so.
     *
     * @param line name of the line or timer
     * @param rank of its level
     * @return to be ended after the handler
     */
    public static Span handles(String line, int rank) {
        return Span.handler(line, rank);
    }

    /**
     * The caller goes to sleep. Call this if {@link Trace#sleeps} says so.
     *
     * @param wmesg its wait message
     * @return to be ended after the sleep
     */
    public static Span sleeps(String wmesg) {
        return Span.sleep(wmesg);
    }

    /**
     * A kernel thread has reached a state.
     *
     * @param name its full name
     * @param tid the kernel's thread id
     * @param sched the scheduling asked for, converted to text if a recording runs; null if it was told before
     * @param state such as created, running or exited
     */
    public static void thread(String name, int tid, @Nullable Object sched, String state) {
        if (recorded()) {
            ThreadEvent event = new ThreadEvent();
            if (event.shouldCommit()) {
                event.name = name;
                event.tid = tid;
                event.pri = sched == null ? null : sched.toString();
                event.state = state;
                event.commit();
            }
        }
    }

    /**
     * A callback threw.
     *
     * @param queue name of the queue or thread
     * @param item what the work calls itself
     * @param thrown what it threw
     */
    public static void fault(String queue, String item, Throwable thrown) {
        if (recorded()) {
            FaultEvent event = new FaultEvent();
            if (event.shouldCommit()) {
                event.queue = queue;
                event.item = item;
                event.thrown = thrown.getClass().getName();
                event.commit();
            }
        }
    }
}
