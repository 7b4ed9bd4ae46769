// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.FlightRecorderListener;
import jdk.jfr.Recording;

/**
 * Which events of a trace a recording wants. The hot paths ask here, so the answers are plain fields: a thread may see a
 * change late.
 *
 * <p>{@link Events#refresh} brings the answers up to date. The first recording of a process is noticed by the next
 * refresh; from then on the flight recorder itself tells of recordings that begin and end.
 */
public final class Trace {
    /** Without the module jdk.jfr this class is never loaded. */
    private static final class Recorder implements FlightRecorderListener {
        static final Recorder ONLY = new Recorder();

        static {
            FlightRecorder.addListener(ONLY);
        }

        private final Event enqueue = new EnqueueEvent();
        private final Event run = new RunEvent();
        private final Event workRun = new WorkRunEvent();
        private final Event lockWait = new LockWaitEvent();
        private final Event lockHold = new LockHoldEvent();
        private final Event level = new LevelEvent();
        private final Event handler = new HandlerEvent();
        private final Event sleep = new SleepEvent();

        private Recorder() {}

        @Override
        public void recordingStateChanged(Recording recording) {
            look();
        }

        void look() {
            enqueues = enqueue.isEnabled();
            runs = run.isEnabled();
            measures = runs || workRun.isEnabled();
            stamps = timing || enqueues || runs;
            waits = lockWait.isEnabled();
            holds = lockHold.isEnabled();
            levels = level.isEnabled();
            handlers = handler.isEnabled();
            sleeps = sleep.isEnabled();
        }
    }

    private static boolean timing;
    private static boolean stamps;
    private static boolean enqueues;
    private static boolean runs;
    private static boolean measures;
    private static boolean waits;
    private static boolean holds;
    private static boolean levels;
    private static boolean handlers;
    private static boolean sleeps;

    private Trace() {}

    /** Some recording runs or has run. */
    static void refresh() {
        Recorder.ONLY.look();
    }

    /** A kernel measures how long works wait. From now on every queue of the process notes when a work is enqueued. */
    public static synchronized void keepTimes() {
        timing = true;
        stamps = true;
    }

    /**
     * Whether an enqueue must note its time.
     *
     * @return true while somebody wants to know how long works wait
     */
    public static boolean stamps() {
        return stamps;
    }

    /**
     * Whether a recording wants each enqueue.
     *
     * @return false where there is no flight recorder
     */
    public static boolean enqueues() {
        return enqueues;
    }

    static boolean runs() {
        return runs;
    }

    /**
     * Whether a recording wants to know how long works run.
     *
     * @return false where there is no flight recorder
     */
    public static boolean measures() {
        return measures;
    }

    /**
     * Whether a recording wants each wait for a lock.
     *
     * @return false where there is no flight recorder
     */
    public static boolean waits() {
        return waits;
    }

    /**
     * Whether a recording wants to know how long locks are held.
     *
     * @return false where there is no flight recorder
     */
    public static boolean holds() {
        return holds;
    }

    /**
     * Whether a recording wants each raised level.
     *
     * @return false where there is no flight recorder
     */
    public static boolean levels() {
        return levels;
    }

    /**
     * Whether a recording wants each run of a handler.
     *
     * @return false where there is no flight recorder
     */
    public static boolean handlers() {
        return handlers;
    }

    /**
     * Whether a recording wants each sleep.
     *
     * @return false where there is no flight recorder
     */
    public static boolean sleeps() {
        return sleeps;
    }
}
