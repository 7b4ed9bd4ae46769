// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.concurrent.Seats.Seat;
import org.percpu.linux.Uninterrupted;
import org.percpu.thread.CpuThread;

/**
 * A thread of a {@link PinnedThreadFactory}. Its {@code start} returns when the thread is in place, and throws if it
 * cannot be put there. Pools of the JDK start their threads past that method since Java 19. Such a thread throws the
 * error itself, and does not run its task.
 */
final class PinnedThread extends Thread implements Seats.Holder {
    private static final long LOOK_MILLIS = 20;

    private final PinnedThreadFactory factory;
    private final Seats seats;
    private final Seat seat;
    private final CountDownLatch settled = new CountDownLatch(1);
    private @Nullable Runnable task; // only the thread itself uses it once it runs
    private volatile boolean awaited;
    private volatile @Nullable Throwable failure;

    PinnedThread(PinnedThreadFactory factory, Runnable task) {
        super(null, null, "", 0, false);
        this.factory = factory;
        this.seats = factory.seats();
        this.task = task;
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
    @SuppressWarnings("UnsynchronizedOverridesSynchronized") // it waits for the new thread, and Thread.start is safe
    public void start() {
        awaited = !seat.follows();
        try {
            super.start();
        } catch (IllegalThreadStateException e) {
            throw e; // it was started before, and has its seat
        } catch (Throwable t) {
            seats.leave(seat);
            throw t;
        }
        if (!awaited) {
            return;
        }
        Uninterrupted.until(() -> {
            // In this order: a thread that has ended has counted before.
            boolean alive = isAlive();
            return settled.await(alive ? LOOK_MILLIS : 0, TimeUnit.MILLISECONDS) || !alive;
        });
        Throwable thrown = failure;
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        if (thrown instanceof Error e) {
            throw e;
        }
    }

    @Override
    public void run() {
        Runnable mine = task;
        task = null;
        CpuThread place;
        try {
            place = factory.enter(seat, getName());
            settled.countDown();
        } catch (RuntimeException | Error e) {
            failure = e;
            seats.leave(seat);
            settled.countDown();
            if (awaited) {
                return; // start() throws it
            }
            throw e;
        }
        try {
            if (mine != null) {
                mine.run();
            }
        } finally {
            factory.leave(seat, place);
        }
    }
}
