// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.percpu.dispatch.Sleep;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.Lwp;
import org.percpu.lwp.QueueEnd;
import org.percpu.lwp.Reports;

/**
 * The end of a kernel's clocks. From the beginning nothing can be armed. Timers whose time comes within the time of the
 * shutdown still call their functions. If a timer is later than that, the wait is given up at once, and what is pending
 * then is dropped. As other classes that end something, it has no initialiser, which an error could ruin.
 */
final class ClocksEnd implements QueueEnd {
    /** The time that a thread with nothing left to run needs at most until it is gone. */
    private static final long LEAVES_MILLIS = 1000;

    /** Timers may be cancelled meanwhile, which wakes nobody. */
    private static final long LOOK_NANOS = 5_000_000;

    /** A wait for a timer that is so far away is told on the console. */
    private static final long LONG_NANOS = 1_000_000_000;

    private static final int BATCH = 256;

    private final Clocks clocks;
    private final List<Timer> taken = new ArrayList<>(); // guarded by this
    private final List<Timer> handedOut = new ArrayList<>(); // guarded by this

    ClocksEnd(Clocks clocks) {
        this.clocks = clocks;
    }

    @Override
    public void close() {
        clocks.close();
    }

    @Override
    public boolean await(Deadline deadline) {
        if (clocks.kernel.isCold()) {
            return false;
        }
        boolean all = true;
        for (Clock clock : clocks.all()) {
            all &= await(clock, deadline);
        }
        return all;
    }

    private boolean await(Clock clock, Deadline deadline) {
        boolean told = false;
        for (long busy = clock.busyNanos(); busy > 0; busy = clock.busyNanos()) {
            long left = deadline.left().toNanos();
            if (left == 0 || busy > left || busy == Time.NEVER || clock.dropping) {
                return false;
            }
            if (busy >= LONG_NANOS && !told) {
                told = true;
                tell(clock, busy);
            }
            pause(Math.min(left, LOOK_NANOS));
        }
        return true;
    }

    /** Whoever waits for long should know for what. */
    private void tell(Clock clock, long nanos) {
        int count;
        Entry next;
        clock.lock();
        try {
            count = clock.wheel.size();
            next = clock.wheel.peek();
            clock.unlock();
        } catch (Throwable t) {
            clock.held = 0;
            throw t;
        }
        if (next != null) {
            clocks.core
                    .reports()
                    .console("kernel " + clocks.core.name() + " ends when its timers have run: " + clock + " has "
                            + count + " pending, the next one is " + Reports.nameOf(next) + " in "
                            + Duration.ofNanos(nanos).toSeconds()
                            + " s. Stop what need not run, or call shutdown with a time limit");
        }
    }

    private void pause(long nanos) {
        boolean unused = clocks.core.unlocked(Clocks.NAME, () -> new Sleep().await(clocks, nanos));
    }

    @Override
    public void stop(boolean interrupt) {
        for (Clock clock : clocks.all()) {
            clock.stop(interrupt);
        }
    }

    @Override
    public void takeBack(Deadline grace) {
        for (Clock clock : clocks.all()) {
            Timer[] some = new Timer[BATCH];
            for (int count = clock.dropping ? clock.take(some) : 0; count > 0; count = clock.take(some)) {
                synchronized (this) {
                    for (Timer timer : Arrays.asList(some).subList(0, count)) {
                        if (timer.isReportedIfDropped()) {
                            taken.add(timer);
                        }
                    }
                }
            }
        }
    }

    @Override
    public synchronized List<Object> handOut() {
        taken.addAll(clocks.takeDropped());
        List<Object> timers = new ArrayList<>(taken);
        handedOut.addAll(taken);
        taken.clear();
        return timers;
    }

    @Override
    public synchronized void handBack() {
        taken.addAll(handedOut);
        handedOut.clear();
    }

    @Override
    public void finish(Deadline grace) {
        for (Clock clock : clocks.all()) {
            clock.end();
        }
        if (clocks.kernel.isCold()) {
            return;
        }
        Deadline leave = Deadline.after(Duration.ofMillis(LEAVES_MILLIS));
        for (Clock clock : clocks.all()) {
            Lwp lwp = clock.lwp;
            while (clock.busyNanos() > 0 && !grace.isOver()) {
                pause(LOOK_NANOS);
            }
            if (lwp != null && clock.busyNanos() == 0) {
                boolean gone = lwp.awaitGone(leave);
                if (!gone) {
                    return;
                }
            }
        }
    }

    @Override
    public void unlist() {
        clocks.unlist();
    }
}
