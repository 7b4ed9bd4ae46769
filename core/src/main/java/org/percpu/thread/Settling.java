// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.events.Events;

/** What a new thread does before it runs any of the caller's code: it takes its name, its place and its scheduling. */
final class Settling {
    /** In a class of its own, because a start without a message need not look for a logger. */
    private static final class Log {
        static final System.Logger LOG = System.getLogger(Place.LOGGER);
    }

    private static final AtomicBoolean DENIAL_LOGGED = new AtomicBoolean();
    private static final AtomicBoolean WARNING_LOGGED = new AtomicBoolean();

    private final String name;
    private final Place place;
    private final Sched sched;
    private final PinPolicy pinPolicy;
    private final RealtimePolicy realtimePolicy;

    // Written by the thread while it settles; others read them when it has.
    int tid;

    @Nullable
    String denial;

    @Nullable
    String warning;

    /** What the kernel said when it was set, or -1. */
    long timerSlack = -1;

    Settling(String name, Place place, Sched sched, PinPolicy pinPolicy, RealtimePolicy realtimePolicy) {
        this.name = name;
        this.place = place;
        this.sched = sched;
        this.pinPolicy = pinPolicy;
        this.realtimePolicy = realtimePolicy;
    }

    /**
     * The order matters: the mask is set first, so that a real-time thread never spins on a CPU it was not meant for.
     */
    void run() {
        LinuxCalls linux = Backend.linux();
        tid = linux.gettid();
        String comm = Comm.of(name);
        check(linux.pthread_setname_np(linux.pthread_self(), comm), "pthread_setname_np(self, \"" + comm + "\")");
        // Linux wakes a time-sharing thread up to 50 us late, so that it can wake several at once. Real-time threads
        // have
        // no slack. Where a sandbox refuses the call, the thread keeps the slack of its creator, and its state says so.
        int set = linux.prctl(LinuxCalls.PR_SET_TIMERSLACK, 1);
        assert set <= 0;
        timerSlack = Math.max(linux.prctl(LinuxCalls.PR_GET_TIMERSLACK, 0), -1);
        pin();
        if (sched.realtime() && realtimePolicy != RealtimePolicy.NEVER) {
            becomeRealtime();
        } else {
            becomeTimeSharing(sched.realtime() ? 0 : sched.nice());
        }
        Events.pinned(name, tid, place.asked(), Affinity.get(0));
        Events.thread(name, tid, sched, "created");
    }

    private void pin() {
        try {
            place.take();
        } catch (LinuxException e) {
            if (pinPolicy == PinPolicy.REQUIRE) {
                throw e;
            }
            place.neverTaken();
            Log.LOG.log(System.Logger.Level.DEBUG, "{0} runs unpinned: {1}", name, e.getMessage());
        }
    }

    private void becomeRealtime() {
        LinuxException refusal = Scheduling.becomeRealtime(sched);
        if (refusal == null) {
            warning = Realtime.warning();
            if (warning == null || !WARNING_LOGGED.compareAndSet(false, true)) {
                return;
            }
            // The first message of a JVM may take longer than the limit lets a real-time thread run.
            Scheduling.becomeTimeSharing(0);
            Realtime.warn(name + " runs as " + sched + ": " + warning);
            refusal = Scheduling.becomeRealtime(sched);
            if (refusal == null) {
                return;
            }
            warning = null;
        }
        if (realtimePolicy == RealtimePolicy.REQUIRE) {
            throw refusal;
        }
        String reason = String.valueOf(refusal.getMessage());
        Events.policyDenied(name, tid, sched, refusal.errnoName());
        String more = Scheduling.becomeTimeSharing(0);
        denied(more == null ? reason : reason + "; " + more);
    }

    /** The thread inherits the creator's scheduling, which cannot always be undone. The state says so in that case. */
    private void becomeTimeSharing(int nice) {
        String reason = Scheduling.becomeTimeSharing(nice);
        if (reason == null) {
            return;
        }
        Sched now = Scheduling.of(0);
        if (now != null && now.policy() == LinuxCalls.SCHED_OTHER) {
            denial = reason;
        } else {
            denied(reason);
        }
    }

    private void denied(String reason) {
        denial = reason;
        if (DENIAL_LOGGED.compareAndSet(false, true)) {
            Sched now = Scheduling.of(0);
            Log.LOG.log(
                    System.Logger.Level.WARNING,
                    name + " runs as " + (now == null ? "what its creator was" : now) + " instead of " + sched
                            + ", and so will other threads: " + reason);
        }
    }

    private static void check(int result, String call) {
        if (result < 0) {
            throw Affinity.failed(call, result, null);
        }
    }
}
