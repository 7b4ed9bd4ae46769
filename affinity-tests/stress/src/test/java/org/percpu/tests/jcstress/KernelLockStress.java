// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.jcstress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelLock;
import org.percpu.tests.support.Rule;

/** The kernel lock and the sleeps that drop it. */
final class KernelLockStress {
    private KernelLockStress() {}

    /** Of each forked JVM, made when the first test in it asks. */
    private static final class Live {
        static final Kernel KERNEL = Kernel.builder("jcstress")
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .build();
        static final KernelLock LOCK = KERNEL.lock();
    }

    /** Two threads count under the lock, held twice, before and behind a sleep. */
    @JCStressTest
    @Rule({"KL-1", "KL-3"})
    @Outcome(
            id = "2, 2, 4",
            expect = ACCEPTABLE,
            desc = "Nothing was lost, and behind the sleep the lock is held as often as before.")
    @Outcome(expect = FORBIDDEN, desc = "Two threads were under the lock at once, or a hold was lost.")
    @State
    public static class HandOver {
        private int counter;

        private int count() {
            Live.LOCK.lock();
            Live.LOCK.lock();
            counter++;
            int none = Live.KERNEL.sleeping("stress", Live.LOCK::holds);
            counter++;
            int holds = Live.LOCK.holds();
            Live.LOCK.unlock();
            Live.LOCK.unlock();
            return none == 0 ? holds : -1;
        }

        @Actor
        public void one(III_Result r) {
            r.r1 = count();
        }

        @Actor
        public void other(III_Result r) {
            r.r2 = count();
        }

        @Arbiter
        public void total(III_Result r) {
            r.r3 = counter;
        }
    }

    /** A thread that holds the lock twice sleeps until another one has had it. */
    @JCStressTest
    @Rule({"KL-3", "KL-5"})
    @Outcome(
            id = "1, 1",
            expect = ACCEPTABLE,
            desc = "The sleeper let go of every hold, so the other thread came through.")
    @Outcome(expect = FORBIDDEN, desc = "The sleeper kept the lock and the other thread could not get it.")
    @State
    public static class DroppedAsleep {
        private volatile boolean had;

        @Actor
        public void sleeper(II_Result r) {
            Live.LOCK.lock();
            Live.LOCK.lock();
            r.r1 = Live.KERNEL.sleeping("stress", () -> Patience.until(() -> had)) ? 1 : 0;
            Live.LOCK.unlock();
            Live.LOCK.unlock();
        }

        @Actor
        public void other(II_Result r) {
            Live.LOCK.lock();
            had = true;
            r.r2 = Live.LOCK.holds();
            Live.LOCK.unlock();
        }
    }
}
