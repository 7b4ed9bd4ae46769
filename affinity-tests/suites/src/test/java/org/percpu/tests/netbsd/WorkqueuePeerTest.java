// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.cpu.Cpu;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Affinity;
import org.percpu.thread.Pri;

/** Scenarios that the tests of neighbouring systems run, and those that nobody runs, on workqueue(9). */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkqueuePeerTest {
    private static final int BOTH = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @Rule({"N1", "NWQ-12", "KL-3"})
    @DisplayName("N1: 12435 times the same work, enqueued under the mutex, and each timed wait is signalled in time")
    void workqueue1() {
        int rounds = 12435;
        Kernel kernel = test.get();
        ReentrantLock mutex = new ReentrantLock();
        Condvar condvar = new Condvar(kernel, "rumpwq");
        int[] counter = new int[1]; // guarded by mutex
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "rumpwq",
                (work, arg) -> {
                    mutex.lock();
                    try {
                        counter[0]++;
                        condvar.signal();
                    } finally {
                        mutex.unlock();
                    }
                },
                null,
                Pri.PRI_SOFTNET,
                Ipl.SOFTNET,
                0);
        Work work = new Work();
        for (int i = 0; i < rounds; i++) {
            mutex.lock();
            try {
                wq.enqueue(work, null);
                assertThat(condvar.await(mutex, 2, SECONDS)).as("wait %d", i).isTrue();
            } finally {
                mutex.unlock();
            }
        }
        assertThat(counter[0]).isEqualTo(rounds);
        wq.destroy();
    }

    @Test
    @Rule({"N1b", "NWQ-9"})
    @DisplayName(
            "N1b: the callback may run before the enqueuer's next instruction, so a signal without the mutex can be missed")
    void theCallbackMayRunBeforeTheEnqueuersNextInstruction() {
        Kernel kernel = test.get();
        ReentrantLock mutex = new ReentrantLock();
        Condvar condvar = new Condvar(kernel, "n1b");
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("n1b", Workqueue.WQ_MPSAFE, (work, arg) -> {
            mutex.lock();
            try {
                ran.incrementAndGet();
                condvar.signal();
            } finally {
                mutex.unlock();
            }
        });
        wq.enqueue(new Work(), null);
        // The enqueuer is as slow here as it can be made: its signal is over before it waits.
        Bounded.until("the callback ran", () -> ran.get() == 1);
        mutex.lock();
        try {
            assertThat(condvar.await(mutex, 20, MILLISECONDS)).isFalse();
        } finally {
            mutex.unlock();
        }
        wq.destroy();
    }

    private static final class Step extends Work {
        final int queue;
        final boolean twice;

        Step(int queue, boolean twice) {
            this.queue = queue;
            this.twice = twice;
        }
    }

    @Test
    @Rule({"S2", "NWQ-11"})
    @DisplayName("S2: on each of 8 queues a doubling and then an increment give 2i+1")
    void eightQueuesKeepTheirOrder() {
        int count = 8;
        for (int round = 0; round < 20; round++) {
            int[] values = new int[count];
            AtomicInteger done = new AtomicInteger();
            List<Workqueue<Step>> queues = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                values[i] = i;
                queues.add(Workqueue.create(
                        test.get(),
                        "s2",
                        (step, arg) -> {
                            values[step.queue] = step.twice ? values[step.queue] * 2 : values[step.queue] + 1;
                            done.incrementAndGet();
                        },
                        null,
                        Pri.PRI_NONE,
                        Ipl.NONE,
                        Workqueue.WQ_MPSAFE));
            }
            for (int i = 0; i < count; i++) {
                queues.get(i).enqueue(new Step(i, true), null);
                queues.get(i).enqueue(new Step(i, false), null);
            }
            Bounded.until("all ran", () -> done.get() == 2 * count);
            for (int i = 0; i < count; i++) {
                assertThat(values[i]).isEqualTo(2 * i + 1);
                queues.get(i).destroy();
            }
        }
    }

    @Test
    @Rule({"S7", "NWQ-12"})
    @DisplayName("S7: a work that enqueues itself reaches depth 16")
    void aWorkEnqueuesItselfToDepth16() {
        AtomicInteger depth = new AtomicInteger();
        AtomicReference<Workqueue<Work>> self = new AtomicReference<>();
        Workqueue<Work> wq = test.workqueue("s7", 0, (work, arg) -> {
            if (depth.incrementAndGet() < 16) {
                self.get().enqueue(work, null);
            }
        });
        self.set(wq);
        wq.enqueue(new Work(), null);
        Bounded.until("depth 16", () -> wq.workers().get(0).executed() == 16);
        assertThat(depth.get()).isEqualTo(16);
        wq.destroy();
    }

    @Test
    @Rule({"S8", "NWQ-3"})
    @DisplayName("S8: 131072 trivial works from 100 threads all run, once each (long form: 131072 from each)")
    void oneHundredThreadsEnqueue() {
        int threads = 100;
        int total = 131_072;
        AtomicLong ran = new AtomicLong();
        Workqueue<Work> wq = test.workqueue("s8", BOTH, (work, arg) -> ran.incrementAndGet());
        CyclicBarrier start = new CyclicBarrier(threads);
        List<FutureTask<Boolean>> producers = new ArrayList<>();
        long expected = 0;
        for (int t = 0; t < threads; t++) {
            int share = Scale.of(total / threads + (t < total % threads ? 1 : 0), total);
            expected += share;
            producers.add(Bounded.startCode("producer", () -> {
                Bounded.meet(start);
                for (int i = 0; i < share; i++) {
                    wq.enqueue(new Work(), null);
                }
            }));
        }
        producers.forEach(producer -> Bounded.join(producer, 240));
        wq.drainAndDestroy();
        assertThat(ran.get()).isEqualTo(expected);
    }

    private static final class Mortal extends Work {
        int left; // plain: the queues order all accesses
        int poison = 0x600D;

        Mortal(int left) {
            this.left = left;
        }
    }

    @Test
    @Rule({"H2", "NWQ-12", "NWQ-16"})
    @DisplayName(
            "H2: 32 works, the i-th enqueues itself i times and is then overwritten: 528 runs, none of a dead work")
    void worksThatEnqueueThemselvesAndDie() {
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger dead = new AtomicInteger();
        AtomicReference<Workqueue<Mortal>> self = new AtomicReference<>();
        int cpus = test.get().cpus().size();
        Workqueue<Mortal> wq = Workqueue.create(
                test.get(),
                "h2",
                (work, arg) -> {
                    if (work.poison != 0x600D) {
                        dead.incrementAndGet();
                    }
                    if (work.left-- == 0) {
                        work.poison = 0xDEAD;
                        work.left = Integer.MIN_VALUE;
                    } else {
                        self.get().enqueue(work, test.cpu(work.left % cpus));
                    }
                    runs.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                BOTH);
        self.set(wq);
        for (int i = 0; i < 32; i++) {
            wq.enqueue(new Mortal(i), null);
        }
        Bounded.until("528 runs", () -> runs.get() >= 528);
        wq.drainAndDestroy();
        assertThat(runs.get()).isEqualTo(528);
        assertThat(dead.get()).isZero();
    }

    @Test
    @Rule({"G1", "NWQ-12", "NWQ-16"})
    @DisplayName(
            "G1: 1000000 callbacks overwrite and give away their own work, the last of a batch too; none is lost or run again")
    void aMillionCallbacksFreeTheirOwnWork() {
        int count = 1_000_000;
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger dead = new AtomicInteger();
        AtomicInteger buried = new AtomicInteger();
        // "Free" in a language without free: the object goes to another owner, who uses its link at once.
        Workqueue<Mortal> grave = Workqueue.create(
                test.get(),
                "grave",
                (work, arg) -> {
                    work.left--;
                    buried.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        Workqueue<Mortal> wq = Workqueue.create(
                test.get(),
                "g1",
                (work, arg) -> {
                    if (work.poison != 0x600D) {
                        dead.incrementAndGet();
                    }
                    work.poison = 0xDEAD;
                    grave.enqueue(work, null);
                    runs.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        for (int i = 0; i < count; i++) {
            wq.enqueue(new Mortal(1), null);
            if (i % 4096 == 0) {
                // Lets batches end, and keeps the heap small.
                int sofar = i + 1;
                Bounded.until("a part ran", () -> buried.get() == sofar);
            }
        }
        Bounded.until("all are buried", () -> buried.get() == count);
        wq.destroy();
        Bounded.until("the grave is idle", () -> grave.workers().get(0).executed() == count);
        grave.destroy();
        assertThat(runs.get()).isEqualTo(count);
        assertThat(buried.get()).isEqualTo(count);
        assertThat(dead.get()).isZero();
    }

    @Test
    @Rule({"G2", "NWQ-13", "NWQ-6"})
    @DisplayName("G2: a work that sends itself from CPU to CPU runs on the CPU it was sent to, 20000 times")
    void aWorkPingPongsBetweenCpus() {
        Machine.needsCpus(2);
        int rounds = 20_000;
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger elsewhere = new AtomicInteger();
        AtomicReference<Workqueue<Mortal>> self = new AtomicReference<>();
        List<Cpu> cpus = test.get().cpus();
        Workqueue<Mortal> wq = Workqueue.create(
                test.get(),
                "g2",
                (work, arg) -> {
                    if (Affinity.currentCpu()
                            != cpus.get(work.left % cpus.size()).id()) {
                        elsewhere.incrementAndGet();
                    }
                    work.left--;
                    if (work.left > 0) {
                        self.get().enqueue(work, cpus.get(work.left % cpus.size()));
                    }
                    runs.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                BOTH);
        self.set(wq);
        wq.enqueue(new Mortal(rounds), cpus.get(rounds % cpus.size()));
        Bounded.until("all runs", () -> runs.get() == rounds);
        assertThat(elsewhere.get()).isZero();
        wq.drainAndDestroy();
    }

    @Test
    @Rule({"G25", "NWQ-6", "NKT-7"})
    @DisplayName("G25: under load, in 100000 samples, no callback is ever on a CPU other than its worker's")
    void workersStayOnTheirCpuUnderLoad() {
        int samples = 100_000;
        List<Cpu> cpus = test.get().cpus();
        AtomicInteger ran = new AtomicInteger();
        AtomicInteger elsewhere = new AtomicInteger();
        Workqueue<Mortal> wq = Workqueue.create(
                test.get(),
                "g25",
                (work, arg) -> {
                    if (Affinity.currentCpu() != work.left) {
                        elsewhere.incrementAndGet();
                    }
                    ran.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                BOTH);
        AtomicInteger stop = new AtomicInteger();
        List<FutureTask<Boolean>> load = new ArrayList<>();
        for (int i = 0; i < cpus.size(); i++) {
            load.add(Bounded.startCode("load", () -> {
                while (stop.get() == 0) {
                    Thread.onSpinWait();
                }
            }));
        }
        for (int i = 0; i < samples; i++) {
            Cpu cpu = cpus.get(i % cpus.size());
            wq.enqueue(new Mortal(cpu.id()), cpu);
        }
        Bounded.until("all samples", () -> ran.get() == samples);
        stop.set(1);
        load.forEach(Bounded::join);
        wq.drainAndDestroy();
        assertThat(elsewhere.get()).isZero();
    }

    @Test
    @Rule({"NWQ-3", "NWQ-11", "G25"})
    @DisplayName("spin-then-park and busy-spin workers run every work too, and end when told")
    void everyWaitStrategyRunsEverything() {
        for (WaitStrategy strategy : WaitStrategy.values()) {
            Kernel kernel = test.with(settings -> settings.waitStrategy(strategy));
            AtomicInteger ran = new AtomicInteger();
            // One worker: it may spin, and must leave a CPU to the producer.
            Workqueue<Work> wq = Workqueue.create(
                    kernel, "waits", (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, 0);
            for (int i = 1; i <= 2_000; i++) {
                int least = i;
                wq.enqueue(new Work(), null);
                if (i % 100 == 0) {
                    Bounded.until("they ran", () -> ran.get() == least);
                }
            }
            wq.drainAndDestroy();
            assertThat(ran.get()).isEqualTo(2_000);
        }
    }
}
