// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.tests.support.Rule;
import org.percpu.thread.Pri;

/** kthread(9) of NetBSD. */
final class KthreadStress {
    private static final int FLAGS = Kthread.KTHREAD_IDLE | Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_TS;

    private KthreadStress() {}

    /** Of each forked JVM, made when the first test in it asks. */
    private static final class Live {
        static final Kernel KERNEL = Kernel.builder("jcstress")
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .build();
        static final AtomicInteger COUNT = new AtomicInteger();
    }

    /**
     * A thread made idle is started and destroyed at once. A state cannot be made with a thread in it, there are too many of them;
     * the actor that comes first makes it and the other waits for it.
     */
    @JCStressTest
    @Rule({"NKT-19", "NKT-20"})
    @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "Started: destroy is refused, and the function runs.")
    @Outcome(id = "0, 1, 0", expect = ACCEPTABLE, desc = "Destroyed: start is refused, and the function never runs.")
    @Outcome(
            expect = FORBIDDEN,
            desc = "Both won, or neither, or the function ran for the wrong one, or the thread is left.")
    @State
    public static class StartOrDestroy {
        private final AtomicInteger arrivals = new AtomicInteger();
        private volatile @Nullable Kthread thread;
        private volatile int runs;

        private Kthread thread() {
            if (arrivals.getAndIncrement() == 0) {
                thread = Kthread.create(
                        Live.KERNEL,
                        Pri.PRI_NONE,
                        FLAGS,
                        null,
                        StartOrDestroy::run,
                        this,
                        "k%d",
                        Live.COUNT.incrementAndGet());
            }
            Kthread made = thread;
            while (made == null) {
                Thread.onSpinWait();
                made = thread;
            }
            return made;
        }

        @SuppressWarnings("NonAtomicVolatileUpdate") // by one thread, if the test is to pass
        private void run() {
            runs++;
            throw Kthread.exit(0);
        }

        @Actor
        public void starter(III_Result r) {
            r.r1 = wins(thread()::start);
        }

        @Actor
        public void destroyer(III_Result r) {
            r.r2 = wins(thread()::destroy);
        }

        private static int wins(Runnable call) {
            try {
                call.run();
                return 1;
            } catch (ErrnoException e) {
                return 0;
            }
        }

        @Arbiter
        public void afterwards(III_Result r) {
            String name = thread().name();
            boolean gone = Patience.until(() ->
                    Live.KERNEL.lwps().stream().noneMatch(lwp -> lwp.name().equals(name)));
            r.r3 = gone ? runs : -1;
        }
    }
}
