// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.kernel.TimeHistogram;
import org.percpu.kernel.WorkerCounters;
import org.percpu.lwp.Lwp;
import org.percpu.lwp.Reports;
import org.percpu.thread.KernelThread;

/** The counters of one worker, as users see them. */
final class CountersOfWorker implements WorkerCounters {
    private static final VarHandle ENQUEUED;

    static {
        try {
            ENQUEUED = MethodHandles.lookup().findVarHandle(CountersOfWorker.class, "enqueued", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final WorkerProgress worker;
    private final Outlet outlet;
    private final Stopwatch watch;
    private final Supplier<@Nullable Lwp> lwp;
    private final Supplier<@Nullable Item> running;

    /** The largest sum that a caller has seen. */
    private volatile long enqueued;

    CountersOfWorker(
            WorkerProgress worker,
            Outlet outlet,
            Stopwatch watch,
            Supplier<@Nullable Lwp> lwp,
            Supplier<@Nullable Item> running) {
        this.worker = worker;
        this.outlet = outlet;
        this.watch = watch;
        this.lwp = lwp;
        this.running = running;
    }

    @Override
    public String queue() {
        return outlet.name();
    }

    @Override
    public @Nullable KernelThread thread() {
        return lwp.get();
    }

    @Override
    public long depth() {
        return outlet.depth();
    }

    /**
     * What has run, what runs and what waits, in this order: an item that moves on meanwhile is missed and not counted
     * twice. So the largest sum is the best one.
     */
    @Override
    public long enqueued() {
        long known = enqueued;
        long now = outlet.begun() + outlet.depth() + outlet.deleted();
        while (now > known) {
            if (ENQUEUED.compareAndSet(this, known, now)) {
                return now;
            }
            known = enqueued;
        }
        return known;
    }

    @Override
    public long executed() {
        return worker.executed;
    }

    @Override
    public long coalesced() {
        return outlet.coalesced.get();
    }

    @Override
    public long deleted() {
        return outlet.deleted();
    }

    @Override
    public long threw() {
        return worker.faults;
    }

    @Override
    public @Nullable TimeHistogram waiting() {
        return watch.waiting;
    }

    @Override
    public @Nullable TimeHistogram running() {
        return watch.running;
    }

    @Override
    public boolean isBusy() {
        return worker.current != 0;
    }

    @Override
    public @Nullable String item() {
        Item item = running.get();
        return item != null ? Reports.nameOf(item) : isBusy() ? "an item" : null;
    }

    /** Queue and worker. */
    @Override
    public String toString() {
        return outlet.name() + ": depth " + depth() + ", enqueued " + enqueued() + ", executed " + executed()
                + ", coalesced " + coalesced() + ", deleted " + deleted() + ", threw " + threw();
    }
}
