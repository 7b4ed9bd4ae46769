// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.Lwp;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.KernelThread;
import org.percpu.thread.Pri;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;

/** workqueue_create: what is there when it returns, and what it refuses. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkqueueCreateTest {
    private static final int BOTH = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private static Workqueue<Work> create(Kernel kernel, String name, int prio, int flags) {
        return Workqueue.create(kernel, name, (work, arg) -> {}, null, prio, Ipl.NONE, flags);
    }

    @Test
    @Rule("NWQ-2")
    @DisplayName("NWQ-2: the flags have the numbers of the page")
    void flagsHaveTheNumbersOfThePage() {
        assertThat(Workqueue.WQ_MPSAFE).isEqualTo(0x01);
        assertThat(Workqueue.WQ_PERCPU).isEqualTo(0x02);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x04, 0x08, 0x100, 0x40000000, 0x80000000, -1})
    @Rule({"NWQ-2", "U17", "G23"})
    @DisplayName("NWQ-2, U17: unknown flag bits are EINVAL, bit 31 too, and no thread is made")
    void unknownFlagBitsAreRefused(int flags) {
        Refusal.of(Errno.EINVAL, () -> create(test.get(), "flags", Pri.PRI_NONE, flags))
                .contains("flags", "flag bits 0x");
        assertNothingWasMade(test.get());
    }

    @Test
    @Rule({"NWQ-3", "NWQ-6"})
    @DisplayName("NWQ-3: without WQ_PERCPU there is exactly one worker, free to run on every CPU of the kernel")
    void aPlainQueueHasOneWorker() {
        Kernel kernel = test.get();
        Workqueue<Work> wq = create(kernel, "plain", Pri.PRI_NONE, 0);
        assertThat(wq.workers()).hasSize(1);
        assertThat(kernel.lwps()).hasSize(1);
        assertThat(Proc.allowed(wq.workers().get(0).thread().tid())).isEqualTo(ids(kernel));
        wq.destroy();
    }

    @Test
    @Rule({"NWQ-3", "NWQ-6", "NWQ-7", "G4"})
    @DisplayName("NWQ-6: with WQ_PERCPU each CPU has one worker, bound to it by the kernel's word when create returns")
    void aPerCpuQueueHasAWorkerOnEachCpu() {
        Kernel kernel = test.get();
        Workqueue<Work> wq = create(kernel, "percpu", Pri.PRI_NONE, BOTH);
        List<WorkerState> workers = wq.workers();
        assertThat(workers).hasSameSizeAs(kernel.cpus());
        assertThat(kernel.lwps()).hasSameSizeAs(kernel.cpus());
        for (int i = 0; i < workers.size(); i++) {
            Cpu cpu = kernel.cpus().get(i);
            int tid = workers.get(i).thread().tid();
            assertThat(Proc.allowed(tid)).isEqualTo(CpuSet.of(cpu.id()));
            assertThat(Proc.comm(tid)).isEqualTo("percpu/" + cpu.index());
            assertThat(workers.get(i).queue()).isEqualTo("percpu/" + cpu.index());
            assertThat(workers.get(i).thread().pinned()).isTrue();
        }
        wq.destroy();
    }

    @Test
    @Rule({"NWQ-6", "U3", "U21"})
    @DisplayName("NWQ-6, U21: the CPUs are those of the kernel at create; another CPU of the machine is EINVAL")
    void aQueueKnowsOnlyTheCpusOfItsKernel() {
        Machine.needsCpus(2);
        List<Cpu> all = test.get().cpus();
        Cpu inside = all.get(1);
        Cpu outside = all.get(0);
        Kernel small = test.with(settings -> settings.cpus(CpuSet.of(inside.id())));
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = Workqueue.create(
                small, "small", (work, arg) -> runs.incrementAndGet(), null, Pri.PRI_NONE, Ipl.NONE, BOTH);
        assertThat(wq.workers()).hasSize(1);
        Work work = new Work();
        Refusal.of(Errno.EINVAL, () -> wq.enqueue(work, outside)).contains("small", outside.toString());
        Refusal.of(Errno.EINVAL, () -> wq.nativeWork(work, outside)).contains("small", outside.toString());
        Refusal.of(Errno.EINVAL, () -> wq.nativeWork(work, null)).contains("small", "name the CPU");
        assertThat(wq.workers().get(0).pending()).isZero();
        // Not pending anywhere, or this would be EBUSY.
        wq.enqueue(work, inside);
        wq.waitFor(work);
        assertThat(runs.get()).isEqualTo(1);
        wq.destroy();
    }

    @Test
    @Rule("NWQ-4")
    @DisplayName("NWQ-4: every work of a queue gets the callback and the argument of the queue")
    void everyWorkGetsTheCallbackAndArgumentOfTheQueue() {
        AtomicReference<Object> seen = new AtomicReference<>();
        Object argument = new Object();
        CountDownLatch ran = new CountDownLatch(2);
        Workqueue<Work> wq = Workqueue.create(
                test.get(),
                "argument",
                (work, arg) -> {
                    seen.set(arg);
                    ran.countDown();
                },
                argument,
                Pri.PRI_NONE,
                Ipl.NONE,
                0);
        wq.enqueue(new Work(), null);
        wq.enqueue(new Work(), null);
        Bounded.arrive(ran);
        assertThat(seen.get()).isSameAs(argument);
        wq.destroy();
    }

    @Test
    @Rule("NWQ-4")
    @DisplayName("NWQ-4: a null argument arrives as null")
    void aNullArgumentArrivesAsNull() {
        AtomicReference<Object> seen = new AtomicReference<>(new Object());
        CountDownLatch ran = new CountDownLatch(1);
        Workqueue<Work> wq = Workqueue.create(
                test.get(),
                "null",
                (Work work, Object arg) -> {
                    seen.set(arg);
                    ran.countDown();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                0);
        wq.enqueue(new Work(), null);
        Bounded.arrive(ran);
        assertThat(seen.get()).isNull();
        wq.destroy();
    }

    @ParameterizedTest(name = "priority {0} is {1} {2}")
    @CsvSource({
        "-1, SCHED_OTHER, 0, 0",
        "0, SCHED_OTHER, 0, 19",
        "63, SCHED_OTHER, 0, 0",
        "64, SCHED_RR, 1, 0",
        "96, SCHED_RR, 18, 0",
        "222, SCHED_RR, 87, 0",
        "223, SCHED_RR, 88, 0"
    })
    @Rule({"NWQ-5", "G5"})
    @DisplayName("NWQ-5: PRI_NONE is time-sharing at 63, below 64 time-sharing, from 64 on fixed, by the kernel's word")
    void thePriorityChoosesClassAndLevel(int prio, String policy, int rtPriority, int nice) {
        if (rtPriority > 0) {
            Machine.needsRealtime();
        }
        Workqueue<Work> wq = create(test.get(), "class", prio, BOTH);
        for (WorkerState worker : wq.workers()) {
            Sched sched = Proc.sched(worker.thread().tid());
            assertThat(sched.policyName()).isEqualTo(policy);
            assertThat(sched.rtPriority()).isEqualTo(rtPriority);
            assertThat(sched.nice()).isEqualTo(nice);
            assertThat(worker.thread().sched().policyName()).isEqualTo(policy);
            assertThat(worker.thread().denial()).isNull();
        }
        wq.destroy();
    }

    @ParameterizedTest
    @ValueSource(ints = {-2, 224, Integer.MIN_VALUE, Integer.MAX_VALUE})
    @Rule({"U17", "G5"})
    @DisplayName("U17: a priority outside -1 to 223 is EINVAL, names it, and no thread is made")
    void prioritiesOutOfRangeAreRefused(int prio) {
        Refusal.of(Errno.EINVAL, () -> create(test.get(), "pri", prio, 0)).contains(Integer.toString(prio), "pri");
        assertNothingWasMade(test.get());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 13, 14, 15, 16, 40, 4000})
    @Rule({"NWQ-7", "G4"})
    @DisplayName("NWQ-7: the kernel shows name and name/index cut to 15 characters, the queue keeps all of it")
    void namesAreCutForTheKernelAlone(int length) {
        String name = "abcdefghijklmnopqrstuvwxyz".repeat(length / 26 + 1).substring(0, length);
        Workqueue<Work> plain = create(test.get(), name, Pri.PRI_NONE, 0);
        assertThat(plain.name()).isEqualTo(name);
        assertThat(Proc.comm(plain.workers().get(0).thread().tid())).isEqualTo(cut(name));
        plain.destroy();
        Workqueue<Work> perCpu = create(test.get(), name, Pri.PRI_NONE, Workqueue.WQ_PERCPU);
        List<WorkerState> workers = perCpu.workers();
        for (int i = 0; i < workers.size(); i++) {
            String full = name + "/" + test.cpu(i).index();
            assertThat(workers.get(i).queue()).isEqualTo(full);
            assertThat(Proc.comm(workers.get(i).thread().tid())).isEqualTo(cut(full));
        }
        perCpu.destroy();
    }

    private static String cut(String name) {
        return name.substring(0, Math.min(name.length(), 15));
    }

    @Test
    @Rule({"NWQ-7", "G4"})
    @DisplayName("NWQ-7: a name of 4000 characters with newlines does not break /proc and is kept")
    void newlinesInNamesAreHarmless() {
        String name = "a\nb\r\n\tc".repeat(572).substring(0, 4000);
        Workqueue<Work> wq = create(test.get(), name, Pri.PRI_NONE, 0);
        assertThat(wq.name()).isEqualTo(name);
        assertThat(wq).hasToString("workqueue " + name);
        assertThat(Proc.comm(wq.workers().get(0).thread().tid())).isEqualTo("a?b???ca?b???ca");
        wq.destroy();
    }

    @Test
    @Rule("U17")
    @DisplayName("U17: null name, callback and level are EINVAL, and so is an empty name")
    void nullArgumentsAreRefused() {
        Kernel kernel = test.get();
        Workqueue.Function<Work, Object> callback = (work, arg) -> {};
        Refusal.of(Errno.EINVAL, () -> Workqueue.create(kernel, null, callback, null, -1, Ipl.NONE, 0))
                .contains("name");
        Refusal.of(Errno.EINVAL, () -> Workqueue.create(kernel, "x", null, null, -1, Ipl.NONE, 0))
                .contains("func");
        Refusal.of(Errno.EINVAL, () -> Workqueue.create(kernel, "x", callback, null, -1, null, 0))
                .contains("ipl");
        Refusal.of(Errno.EINVAL, () -> Workqueue.create(kernel, "", callback, null, -1, Ipl.NONE, 0))
                .contains("name");
        assertThat(catchThrowable(() -> Workqueue.create(null, "x", callback, null, -1, Ipl.NONE, 0)))
                .isInstanceOfAny(NullPointerException.class, ErrnoException.class);
        assertNothingWasMade(kernel);
    }

    @ParameterizedTest
    @EnumSource(Ipl.class)
    @Rule({"NWQ-8", "NWQ-9"})
    @DisplayName("NWQ-8, NWQ-9: the level is kept as given, and whatever it is the callback may sleep and enqueue")
    void theCallbackRunsInThreadContextWhateverTheLevel(Ipl ipl) {
        Kernel kernel = test.get();
        CountDownLatch ran = new CountDownLatch(2);
        AtomicReference<Workqueue<Work>> self = new AtomicReference<>();
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "level",
                (work, arg) -> {
                    kernel.sleepq().tsleep(new Object(), "level", 1_000);
                    ran.countDown();
                    if (ran.getCount() > 0) {
                        self.get().enqueue(work, null);
                    }
                },
                null,
                Pri.PRI_NONE,
                ipl,
                0);
        self.set(wq);
        assertThat(wq.ipl()).isSameAs(ipl);
        wq.enqueue(new Work(), null);
        Bounded.arrive(ran);
        wq.destroy();
    }

    @Test
    @Rule("U12")
    @DisplayName("U12: create in a thread that must not sleep is EPERM")
    void createNeedsACallerThatMaySleep() throws Exception {
        Kernel kernel = test.get();
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        Kthread.create(
                kernel,
                Pri.PRI_NONE,
                Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_INTR,
                null,
                arg -> {
                    thrown.set(catchThrowable(() -> create(kernel, "from-intr", Pri.PRI_NONE, 0)));
                    done.countDown();
                    throw Kthread.exit(0);
                },
                null,
                "intr");
        assertThat(done.await(30, SECONDS)).isTrue();
        assertThat(thrown.get()).isInstanceOf(ErrnoException.class).hasMessageContaining("EPERM");
        assertThat(kernel.queues()).isEmpty();
        assertThat(kernel.lwps()).extracting(KernelThread::name).doesNotContain("from-intr");
    }

    @Test
    @Rule("NWQ-3")
    @DisplayName("NWQ-3: create on a closed kernel is ESHUTDOWN and names the kernel")
    void createOnAClosedKernelIsRefused() {
        Kernel kernel = test.with(settings -> {});
        kernel.close();
        Refusal.of(Errno.ESHUTDOWN, () -> create(kernel, "late", Pri.PRI_NONE, 0))
                .contains("test", "late");
        assertNothingWasMade(kernel);
    }

    @Test
    @Rule({"NWQ-6", "G25"})
    @DisplayName("NWQ-6: a queue made by a pinned thread has its workers where they belong, not where the creator is")
    void workersDoNotInheritTheCreatorsPlace() {
        Machine.needsCpus(2);
        Kernel kernel = test.get();
        AtomicReference<List<WorkerState>> states = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        CpuThread.builder("creator").cpu(test.cpu(1)).start(() -> {
            Workqueue<Work> plain = create(kernel, "a-plain", Pri.PRI_NONE, 0);
            Workqueue<Work> perCpu = create(kernel, "b-percpu", Pri.PRI_NONE, BOTH);
            states.set(List.of(
                    plain.workers().get(0),
                    perCpu.workers().get(0),
                    perCpu.workers().get(1)));
            plain.destroy();
            perCpu.destroy();
            done.countDown();
        });
        Bounded.arrive(done);
        assertThat(states.get().get(0).thread().allowed()).isEqualTo(ids(kernel));
        assertThat(states.get().get(1).thread().allowed())
                .isEqualTo(CpuSet.of(test.cpu(0).id()));
        assertThat(states.get().get(2).thread().allowed())
                .isEqualTo(CpuSet.of(test.cpu(1).id()));
    }

    @Test
    @Rule("NWQ-3")
    @DisplayName("NWQ-3: workers are kernel threads of the kernel, and daemons of the JVM")
    void workersAreDaemons() {
        Kernel kernel = test.get();
        Workqueue<Work> wq = create(kernel, "daemon", Pri.PRI_NONE, 0);
        Lwp worker = (Lwp) kernel.lwps().get(0);
        assertThat(worker.is(Lwp.Flag.WORKER)).isTrue();
        assertThat(worker.is(Lwp.Flag.MPSAFE)).isFalse();
        assertThat(worker.thread().thread().isDaemon()).isTrue();
        wq.destroy();
    }

    @Test
    @Rule("NWQ-5")
    @DisplayName("NWQ-5: the callback itself runs where and how the worker was promised")
    void theCallbackSeesItsOwnPlace() {
        Kernel kernel = test.get();
        ConcurrentHashMap<Integer, CpuSet> masks = new ConcurrentHashMap<>();
        CountDownLatch ran = new CountDownLatch(kernel.cpus().size());
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "inside",
                (work, arg) -> {
                    masks.put(Affinity.currentCpu(), Affinity.get());
                    ran.countDown();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                BOTH);
        kernel.cpus().forEach(cpu -> wq.enqueue(new Work(), cpu));
        Bounded.arrive(ran);
        kernel.cpus().forEach(cpu -> assertThat(masks).containsEntry(cpu.id(), CpuSet.of(cpu.id())));
        wq.destroy();
    }

    @Test
    @Rule({"U17", "G5"})
    @DisplayName(
            "busy-spinning real-time workers on every allowed CPU are EINVAL with the ways out, each of which works")
    void workersThatWouldFreezeTheMachineAreRefused() {
        Kernel spinning = test.with(settings -> settings.waitStrategy(WaitStrategy.BUSY_SPIN));
        Refusal.of(Errno.EINVAL, () -> create(spinning, "freeze", Pri.PRI_KERNEL, BOTH))
                .contains("freeze", "leave a CPU out", "wait strategy", "priority below " + Pri.PRI_KERNEL);
        assertNothingWasMade(spinning);
        create(spinning, "below", Pri.PRI_KERNEL - 1, BOTH).destroy();
        create(test.with(settings -> {}), "parks", Pri.PRI_KERNEL, BOTH).destroy();
        create(
                        test.with(settings ->
                                settings.waitStrategy(WaitStrategy.BUSY_SPIN).realtimePolicy(RealtimePolicy.NEVER)),
                        "never",
                        Pri.PRI_KERNEL,
                        BOTH)
                .destroy();
        Machine.needsCpus(2);
        create(spinning, "one CPU", Pri.PRI_KERNEL, 0).destroy();
    }

    private static CpuSet ids(Kernel kernel) {
        return CpuSet.of(kernel.cpus().stream().mapToInt(Cpu::id).toArray());
    }

    private static void assertNothingWasMade(Kernel kernel) {
        assertThat(kernel.lwps()).isEmpty();
        assertThat(kernel.queues()).isEmpty();
    }
}
