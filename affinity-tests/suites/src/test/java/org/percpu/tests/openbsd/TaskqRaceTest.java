// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;

/** What must hold whoever races with whom, by exact counts over many rounds. */
@Timeout(value = 1200, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TaskqRaceTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    /** A number that two threads hand to each other, quickly when both have a CPU, politely when not. */
    private static void spinUntil(AtomicInteger phase, int least) {
        long start = System.nanoTime();
        for (int spins = 1; phase.get() < least; spins++) {
            if (spins % 1000 == 0) {
                LockSupport.parkNanos(10_000);
                if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(30)) {
                    throw new AssertionError("waited 30 s for " + least + ", it is at " + phase.get());
                }
            }
            Thread.onSpinWait();
        }
    }

    private Kernel quick() {
        return test.with(settings -> settings.waitStrategy(WaitStrategy.SPIN_THEN_PARK));
    }

    @Test
    @Rule({"OTQ-14", "OTQ-9", "U10", "G6"})
    @DisplayName(
            "OTQ-14, G6: of two threads that add one task to two queues at once exactly one gets true, in every round")
    void twoQueuesRaceForATask() {
        int rounds = Scale.of(50_000, 1_000_000);
        Taskq[] queues = new Taskq[2];
        Plug[] plugs = new Plug[2];
        for (int i = 0; i < 2; i++) {
            queues[i] = Taskq.create(test.get(), "g6/" + i, 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            plugs[i] = Plug.in(test.get(), queues[i]);
        }
        AtomicInteger runs = new AtomicInteger();
        Task task = Task.initializer(AtomicInteger::incrementAndGet, runs);
        AtomicInteger started = new AtomicInteger();
        AtomicInteger added = new AtomicInteger();
        boolean[] got = new boolean[1];
        FutureTask<Boolean> rival = Bounded.startCode("rival", () -> {
            for (int round = 1; round <= rounds; round++) {
                spinUntil(started, round);
                got[0] = queues[1].add(task);
                added.set(round);
            }
        });
        int wins = 0;
        for (int round = 1; round <= rounds; round++) {
            started.set(round);
            // The rival comes first, at the same time or second.
            for (int pause = round & 127; pause > 0; pause--) {
                Thread.onSpinWait();
            }
            boolean mine = queues[0].add(task);
            spinUntil(added, round);
            assertThat(mine ^ got[0])
                    .as("round %d: %s and %s", round, mine, got[0])
                    .isTrue();
            wins += mine ? 1 : 0;
            assertThat(queues[mine ? 0 : 1].del(task)).isTrue();
        }
        Bounded.join(rival);
        // On one processor the rival may always be late.
        if (test.get().cpus().size() > 1) {
            assertThat(wins).as("rounds that the rival did not win").isBetween(1, rounds - 1);
        }
        plugs[0].pull();
        plugs[1].pull();
        queues[0].destroy();
        queues[1].destroy();
        assertThat(runs.get()).isZero();
    }

    @Test
    @Rule({"OTQ-14", "U10"})
    @DisplayName(
            "OTQ-14: adds of one task to two running queues from two threads: runs equal the adds that returned true")
    void runsEqualAddsAcrossTwoQueues() {
        int rounds = Scale.of(50_000, 5_000_000);
        AtomicLong runs = new AtomicLong();
        AtomicLong adds = new AtomicLong();
        Task task = Task.initializer(AtomicLong::incrementAndGet, runs);
        List<Taskq> queues = new ArrayList<>();
        List<FutureTask<Boolean>> adders = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            Taskq tq = Taskq.create(quick(), "both/" + i, 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            queues.add(tq);
            adders.add(Bounded.startCode("adder", () -> {
                for (int round = 0; round < rounds; round++) {
                    if (tq.add(task)) {
                        adds.incrementAndGet();
                    }
                }
            }));
        }
        adders.forEach(adder -> Bounded.join(adder, 600));
        queues.forEach(Taskq::destroy);
        assertThat(task.pending()).isFalse();
        assertThat(runs.get()).isEqualTo(adds.get()).isPositive();
    }

    /** What the producer writes, and what a run has seen of it. */
    private static final class Box {
        int data; // plain: the queue must order it
        final AtomicInteger seen = new AtomicInteger();
    }

    @Test
    @Rule({"OTQ-11", "G7"})
    @DisplayName(
            "OTQ-11, G7: what was written before an add that returned false is seen by a later run, in 10^6 adds (long form 10^8)")
    void anAddThatReturnsFalsePublishesToo() {
        int rounds = Scale.of(500_000, 50_000_000);
        Taskq tq = Taskq.create(quick(), "g7", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Box box = new Box();
        Task task = Task.initializer(it -> it.seen.set(it.data), box);
        long refused = Bounded.join(
                Bounded.start("producer", () -> {
                    long count = 0;
                    for (int i = 1; i <= rounds; i++) {
                        box.data = 2 * i - 1;
                        tq.add(task);
                        // The second add meets the worker before, in and after its clearing of the mark.
                        for (int pause = i & 63; pause > 0; pause--) {
                            Thread.onSpinWait();
                        }
                        box.data = 2 * i;
                        if (!tq.add(task)) {
                            count++;
                        }
                        spinUntil(box.seen, 2 * i);
                    }
                    return count;
                }),
                1100);
        assertThat(refused).as("adds that returned false").isPositive();
        assertThat(box.seen.get()).isEqualTo(2 * rounds);
        tq.destroy();
    }

    @Test
    @Rule({"OTQ-20", "G8"})
    @DisplayName("OTQ-20, G8: a task that is set anew as soon as it is not pending still runs what it was added with")
    void theWorkerRunsFromItsCopy() {
        int rounds = Scale.of(50_000, 2_000_000);
        Taskq tq = Taskq.create(quick(), "g8", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        AtomicInteger last = new AtomicInteger();
        AtomicInteger poisoned = new AtomicInteger();
        Task task = new Task();
        Bounded.join(
                Bounded.startCode("adder", () -> {
                    for (int i = 1; i <= rounds; i++) {
                        task.set(last::set, i);
                        assertThat(tq.add(task)).isTrue();
                        while (task.pending()) {
                            Thread.onSpinWait();
                        }
                        task.set(AtomicInteger::incrementAndGet, poisoned);
                        spinUntil(last, i);
                    }
                }),
                600);
        tq.destroy();
        assertThat(last.get()).isEqualTo(rounds);
        assertThat(poisoned.get()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    @Rule({"OTQ-15", "OTQ-16", "N11", "S10"})
    @DisplayName("N11, S10: adders and deleters of 8 tasks in a race: runs + deletions = additions, exactly")
    void runsPlusDeletionsAreAdditions(int nthreads) {
        int rounds = Scale.of(50_000, 5_000_000);
        Taskq tq = Taskq.create(test.get(), "n11", nthreads, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        AtomicLong runs = new AtomicLong();
        List<Task> tasks = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            tasks.add(Task.initializer(AtomicLong::incrementAndGet, runs));
        }
        AtomicLong added = new AtomicLong();
        AtomicLong deleted = new AtomicLong();
        List<FutureTask<Boolean>> threads = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            int start = t;
            threads.add(Bounded.startCode("add-del", () -> {
                for (int i = 0; i < rounds; i++) {
                    Task task = tasks.get((start + i) % 8);
                    if ((i & 1) == 0) {
                        if (tq.add(task)) {
                            added.incrementAndGet();
                        }
                    } else if (tq.del(task)) {
                        deleted.incrementAndGet();
                    }
                }
            }));
        }
        threads.forEach(thread -> Bounded.join(thread, 600));
        tq.destroy();
        assertThat(tasks).noneMatch(Task::pending);
        assertThat(runs.get() + deleted.get()).isEqualTo(added.get());
    }

    @Test
    @Rule({"OTQ-27", "U7", "OTQ-12"})
    @DisplayName("U7: of adds that race with destroy each either ran or got ESHUTDOWN, by exact count")
    void addsThatRaceWithDestroyAreNotLost() {
        for (int round = 0; round < Scale.of(100, 5_000); round++) {
            Taskq tq = Taskq.create(test.get(), "u7", 1 + round % 3, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            AtomicInteger runs = new AtomicInteger();
            AtomicBoolean going = new AtomicBoolean();
            FutureTask<Integer> adder = Bounded.start("adder", () -> {
                int taken = 0;
                try {
                    while (true) {
                        taken += tq.add(Task.initializer(AtomicInteger::incrementAndGet, runs)) ? 1 : 0;
                        going.set(true);
                    }
                } catch (ErrnoException e) {
                    assertThat(e.errno()).isEqualTo(Errno.ESHUTDOWN);
                }
                return taken;
            });
            while (!going.get()) {
                Thread.onSpinWait();
            }
            tq.destroy();
            assertThat(Bounded.join(adder)).isEqualTo(runs.get());
        }
    }
}
