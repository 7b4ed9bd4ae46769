// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.percpu.bindings.sim.Faults;
import org.percpu.bindings.sim.SimMachine;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Affinity;
import org.percpu.thread.Pri;
import org.percpu.thread.RealtimePolicy;

/** Faults of a machine, drawn from a seed: no work is lost, none runs twice, and what the library could not do it says. */
@Timeout(60)
class FaultsTest {
    private static final int PER_CPU = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;
    private static final int WORKS = 200;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @BeforeAll
    static void onASimulatedMachine() {
        Machine.skipUnless(Machine.isSimulated(), "needs a simulated machine: -Dpercpu.backend=sim");
    }

    @AfterEach
    void theMachineIsWhole() {
        SimMachine machine = SimMachine.ofProcess();
        machine.faults(Faults.NONE);
        test.get().cpus().forEach(cpu -> machine.online(cpu.id()));
        machine.cpuset("0-" + (test.get().cpus().size() - 1));
    }

    static LongStream seeds() {
        return Seeds.some(10, 2_000);
    }

    private static final class Counted extends Work {
        final Cpu target;
        final AtomicInteger runs = new AtomicInteger();
        volatile int ranOn = -1;

        Counted(Cpu target) {
            this.target = target;
        }
    }

    private Workqueue<Counted> queue(Kernel kernel) {
        return Workqueue.create(
                kernel,
                "faulty",
                (work, arg) -> {
                    work.ranOn = Affinity.currentCpu();
                    work.runs.incrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                PER_CPU);
    }

    /** Two threads send works to all CPUs in turn, and the queue is destroyed behind them. */
    private List<Counted> sendAll(Workqueue<Counted> wq) {
        List<Cpu> cpus = test.get().cpus();
        List<Counted> works = new ArrayList<>();
        for (int i = 0; i < WORKS; i++) {
            works.add(new Counted(cpus.get(i % cpus.size())));
        }
        FutureTask<Boolean> other = Bounded.startCode(
                "sender", () -> works.subList(0, WORKS / 2).forEach(work -> wq.enqueue(work, work.target)));
        works.subList(WORKS / 2, WORKS).forEach(work -> wq.enqueue(work, work.target));
        Bounded.join(other);
        Bounded.until("all have run", () -> works.stream().allMatch(work -> work.runs.get() > 0));
        Bounded.run("destroy", () -> {
            assertThat(wq.drainAndDestroy(Duration.ofSeconds(Bounded.SECONDS))).isEmpty();
        });
        return works;
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    @DisplayName(
            "futex waits that end for nothing, by a signal, or late: every work of a workqueue runs once, on its CPU")
    void futexesOfAWorkqueue(long seed) {
        Seeds.under(seed, "spurious=0.2,eintr=0.2,late=0.05", () -> {
            List<Counted> works = sendAll(queue(test.get()));
            assertThat(works).allSatisfy(work -> {
                assertThat(work.runs).hasValue(1);
                assertThat(work.ranOn).isEqualTo(work.target.id());
            });
        });
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    @DisplayName(
            "futex waits that end for nothing, by a signal, or late: every task added runs, and barrier waits for all")
    void futexesOfATaskq(long seed) {
        Seeds.under(seed, "spurious=0.2,eintr=0.2,late=0.05", () -> {
            AtomicInteger ran = new AtomicInteger();
            Taskq tq = Taskq.create(test.get(), "faulty", 3, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            int added = 0;
            for (int i = 0; i < WORKS; i++) {
                Task task = new Task();
                task.set(arg -> ran.incrementAndGet(), null);
                added += tq.add(task) ? 1 : 0;
            }
            Bounded.run("barrier", tq::barrier);
            assertThat(added).isEqualTo(WORKS);
            assertThat(ran).hasValue(WORKS);
            Bounded.run("destroy", tq::destroy);
        });
    }

    @Test
    @DisplayName("whichever thread of a queue is refused: EAGAIN, nothing is left of it, and the next creation works")
    void theKthThreadIsRefused() {
        SimMachine machine = SimMachine.ofProcess();
        int cpus = test.get().cpus().size();
        for (int k = 1; k <= cpus; k++) {
            int before = test.get().lwps().size();
            machine.faults(Faults.parse("thread=" + k));
            assertThatThrownBy(() -> queue(test.get()))
                    .as("thread %d of %d", k, cpus)
                    .isInstanceOf(ErrnoException.class)
                    .hasMessageContaining("EAGAIN")
                    .hasMessageContaining("RLIMIT_NPROC");
            Bounded.until("nothing is left", () -> test.get().lwps().size() == before);
            assertThat(sendAll(queue(test.get())))
                    .allSatisfy(work -> assertThat(work.runs).hasValue(1));
        }
    }

    @Test
    @DisplayName("EPERM for a real-time policy: PREFER goes on and says so, REQUIRE is refused and leaves nothing")
    void aPolicyIsDenied() {
        Kernel strict = test.with(settings -> settings.realtimePolicy(RealtimePolicy.REQUIRE));
        Kernel lenient = test.with(settings -> settings.realtimePolicy(RealtimePolicy.PREFER));
        int before = strict.lwps().size();
        Seeds.under(1, "eperm=1", () -> {
            assertThatThrownBy(() -> Workqueue.create(
                            strict, "strict", (work, arg) -> {}, null, Pri.PRI_KERNEL, Ipl.NONE, PER_CPU))
                    .isInstanceOf(LinuxException.class)
                    .hasMessageContaining("EPERM");
            Bounded.until("nothing is left", () -> strict.lwps().size() == before);
            AtomicInteger ran = new AtomicInteger();
            Workqueue<Work> wq = Workqueue.create(
                    lenient, "lenient", (work, arg) -> ran.incrementAndGet(), null, Pri.PRI_KERNEL, Ipl.NONE, PER_CPU);
            wq.enqueue(new Work(), lenient.cpus().get(0));
            assertThat(wq.workers()).allSatisfy(worker -> {
                assertThat(worker.thread().sched().realtime()).isFalse();
                assertThat(worker.thread().denial()).contains("EPERM");
            });
            Bounded.run("drains", wq::drainAndDestroy);
            assertThat(ran).hasValue(1);
        });
    }

    @Test
    @DisplayName(
            "sched_setaffinity that pretends to pin: a queue per CPU is refused, for no worker is where it was asked to be")
    void aPinIsPretended() {
        Machine.needsCpus(2);
        int before = test.get().lwps().size();
        Seeds.under(1, "pretend=1", () -> assertThatThrownBy(() -> queue(test.get()))
                .isInstanceOf(LinuxException.class)
                .hasMessageContaining("reported success, but the thread has"));
        Bounded.until("nothing is left", () -> test.get().lwps().size() == before);
    }

    @Test
    @DisplayName("a mask of several CPUs that is narrowed: refused, or the thread's state says which CPUs it has")
    void aPinIsNarrowed() {
        Machine.needsCpus(3);
        CpuSet asked = CpuSet.range(0, test.get().cpus().size() - 2);
        Kernel some = test.with(settings -> settings.cpus(asked));
        Seeds.under(1, "narrow=1", () -> {
            Taskq tq;
            try {
                tq = Taskq.create(some, "narrow", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            } catch (LinuxException e) {
                assertThat(e).hasMessageContaining("the thread has");
                return;
            }
            try {
                String told = tq.workers().get(0).thread().allowed().toString();
                assertThat(told)
                        .isEqualTo(SimMachine.ofProcess()
                                .maskOf(tq.workers().get(0).thread().tid()))
                        .isNotEqualTo(asked.toString());
            } finally {
                Bounded.run("destroy", tq::destroy);
            }
        });
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    @DisplayName(
            "a CPU that goes offline or leaves the cpuset at any step: no work is lost, and pins come back with the CPUs")
    void cpusComeAndGo(long seed) {
        Machine.needsCpus(2);
        Kernel watched = test.with(settings -> settings.pinWatch(Duration.ofMillis(5)));
        Workqueue<Counted> wq = queue(watched);
        Seeds.under(seed, "offline=0.05,shrink=0.05", () -> {
            List<Cpu> cpus = watched.cpus();
            List<Counted> works = new ArrayList<>();
            for (int i = 0; i < WORKS; i++) {
                Counted work = new Counted(cpus.get(i % cpus.size()));
                works.add(work);
                wq.enqueue(work, work.target);
            }
            Bounded.until("all have run", () -> works.stream().allMatch(work -> work.runs.get() == 1));
        });
        theMachineIsWhole();
        Bounded.until("all are pinned again", () -> wq.workers().stream()
                .allMatch(worker -> worker.thread().pinned()
                        && SimMachine.ofProcess()
                                .maskOf(worker.thread().tid())
                                .equals(worker.thread().asked().toString())));
        assertThat(sendAll(wq)).allSatisfy(work -> {
            assertThat(work.runs).hasValue(1);
            assertThat(work.ranOn).isEqualTo(work.target.id());
        });
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    @DisplayName("all faults at once while queues are made: each creation works or is refused whole")
    void creationsUnderFaults(long seed) {
        Seeds.under(seed, "spurious=0.1,eintr=0.1,eperm=0.1,pretend=0.02,offline=0.02,shrink=0.02,thread=7", () -> {
            for (int i = 0; i < 10; i++) {
                int before = test.get().lwps().size();
                Workqueue<Counted> wq;
                try {
                    wq = queue(test.get());
                } catch (LinuxException | ErrnoException e) {
                    assertThat(e).hasMessageContaining(e instanceof LinuxException ? "affinity" : "faulty");
                    Bounded.until("nothing is left", () -> test.get().lwps().size() == before);
                    continue;
                }
                assertThat(sendAll(wq)).allSatisfy(work -> assertThat(work.runs).hasValue(1));
            }
        });
    }
}
