// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinWorkerThread;
import org.jspecify.annotations.Nullable;
import org.percpu.concurrent.Seats.Seat;
import org.percpu.thread.CpuThread;

/** A worker of a ForkJoinPool on a CPU of a {@link PinnedThreadFactory}. */
final class PinnedWorker extends ForkJoinWorkerThread implements Seats.Holder {
    private final PinnedThreadFactory factory;
    private final Seat seat;
    private @Nullable CpuThread place; // only the thread itself uses it

    PinnedWorker(PinnedThreadFactory factory, ForkJoinPool pool) {
        super(pool);
        this.factory = factory;
        this.seat = factory.seat(this);
        setName(factory.name(seat));
    }

    @Override
    public Seat seat() {
        return seat;
    }

    @Override
    public PinnedThreadFactory factory() {
        return factory;
    }

    @Override
    protected void onStart() {
        super.onStart();
        place = factory.enter(seat, getName());
    }

    @Override
    protected void onTermination(@Nullable Throwable exception) {
        try {
            super.onTermination(exception);
        } finally {
            factory.leave(seat, place);
        }
    }
}
