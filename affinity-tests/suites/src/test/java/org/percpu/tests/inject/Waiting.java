// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;

/**
 * A thread waits for a work that runs, and it or a worker meets an error. A wait that returns has waited to the end; after one that was
 * refused the next one does; and the queue goes on.
 */
final class Waiting extends OnKernel {
    private static final int RUNS = 0;
    private static final int NEXT = 1;
    private static final int WORKS = 2;
    private static final long PATIENCE_SECONDS = 5;

    private final Supplier<Target> targets;
    private Target target;
    private volatile CountDownLatch entered = new CountDownLatch(0);
    private volatile CountDownLatch gate = new CountDownLatch(0);
    private volatile CountDownLatch next = new CountDownLatch(0);
    private volatile boolean ended;

    Waiting(Supplier<Target> targets) {
        this.targets = targets;
        this.target = targets.get();
    }

    @Override
    void open(Fixture made) {}

    private void callback(int which) {
        if (which == NEXT) {
            next.countDown();
            return;
        }
        entered.countDown();
        try {
            boolean opened = gate.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
            assert opened;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        ended = true;
    }

    @Override
    public @Nullable String round(Injector.Kind kind, int n) throws Exception {
        target = targets.get();
        target.callback = this::callback;
        target.open(fixture(), WORKS);
        entered = new CountDownLatch(1);
        gate = new CountDownLatch(1);
        next = new CountDownLatch(1);
        ended = false;
        Fixture.must(() -> {
            target.submit(RUNS);
            entered.await();
        });
        Armed.Call call = new Armed.Call(Target.NAME, kind, n, () -> target.waitFor(RUNS));
        call.waits();
        gate.countDown();
        Armed armed = call.outcome();
        Fixture.require(ended || armed.thrown() != null, "it has not waited");
        Fixture.must(() -> {
            try {
                target.waitFor(RUNS);
            } catch (ErrnoException e) {
                // A soft interrupt is disestablished once, and a thread is joined once; this one has ended then.
                boolean wasDone = e.errno() == Errno.EINVAL && armed.thrown() == null;
                boolean wasJoined = e.errno() == Errno.ESRCH;
                if (!wasDone && !wasJoined) {
                    throw e;
                }
            }
        });
        Fixture.require(ended, "the next one has not waited");
        Fixture.must(() -> target.submit(NEXT));
        Fixture.await("the next work runs", () -> next.getCount() == 0);
        Fixture.must(() -> target.waitFor(NEXT));
        if (!(target instanceof Target.OfSoftint)) {
            Fixture.must(target::destroy);
        }
        return armed.site();
    }
}
