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
     * Whether a recording wants to know how long works run. The call is cheap enough to be made before each work.
     *
     * @return false where there is no flight recorder
     */
    public static boolean recordsWorks() {
        return recorded() && WorkRun.PROBE.isEnabled();
    }

    /**
     * Begins to measure a work.
     *
     * @return what is {@linkplain WorkRun#end ended} when the work has run, or null if no recording runs
     */
    public static @Nullable WorkRun beginWork() {
        return recorded() ? new WorkRun() : null;
    }
}
