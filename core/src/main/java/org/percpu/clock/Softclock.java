// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import org.jspecify.annotations.Nullable;
import org.percpu.dispatch.Source;
import org.percpu.events.Events;
import org.percpu.events.Span;
import org.percpu.events.Trace;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Reports;

/**
 * The call of a timer's function, as an interrupt of the clock's thread. It has a copy of the function and its argument,
 * as the timer may get others while the call runs. Only the clock's thread uses it.
 */
final class Softclock implements Source {
    /** The rank of the level. */
    static final int RANK = 1;

    private final KernelCore core;
    private final String clock;

    @Nullable
    Timer timer;

    @Nullable
    Object function;

    @Nullable
    Object argument;

    boolean mpsafe;

    /** The function was called. */
    boolean begun;

    private volatile long faults;

    Softclock(KernelCore core, String clock) {
        this.core = core;
        this.clock = clock;
    }

    void clear() {
        timer = null;
        function = null;
        argument = null;
        begun = false;
    }

    /** How many functions have thrown. Any thread may ask. */
    long faults() {
        return faults;
    }

    @Override
    public int rank() {
        return RANK;
    }

    @Override
    public int run() {
        Timer mine = timer;
        Object called = function;
        if (mine == null || called == null || begun) {
            return 0;
        }
        boolean locked = !mpsafe;
        if (locked) {
            core.lock().lock();
        }
        // An interrupt that was meant for an earlier function, or for nobody.
        boolean unused = Thread.interrupted();
        begun = true;
        Span span = Trace.handlers() ? Events.handles(toString(), RANK) : null;
        try {
            mine.callTimer(called, argument);
        } catch (Throwable t) {
            fault(t);
        } finally {
            if (span != null) {
                span.end();
            }
        }
        balance(locked ? 1 : 0);
        return 1;
    }

    /** A function that returns, or throws, with more or fewer holds than it got would hand them to the next one. */
    private void balance(int wanted) {
        int holds = core.lock().holds();
        for (int left = holds; left > 0; left--) {
            core.lock().unlock();
        }
        if (holds != wanted) {
            core.reports()
                    .console(clock + ": the function of " + this + " returned with " + holds
                            + " holds of the kernel lock instead of " + wanted + "; put right");
        }
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    public void fault(Throwable thrown) {
        faults++;
        core.reports().fault(clock, item(), thrown);
    }

    private Object item() {
        Timer mine = timer;
        return mine == null ? clock : mine;
    }

    /** The timer's name. */
    @Override
    public String toString() {
        Timer mine = timer;
        return mine == null ? clock : Reports.nameOf(mine);
    }
}
