// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.WorkerState;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** taskq_create, and the two queues that every kernel has. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@SuppressWarnings("ReferenceEquality") // which work or queue it is, not what it equals
class TaskqCreateTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    private void assertNothingWasMade() {
        assertThat(test.get().queues()).isEmpty();
        assertThat(test.get().lwps()).isEmpty();
    }

    @Test
    @Rule("OTQ-5")
    @DisplayName("OTQ-5: the flags have the numbers of the page")
    void flagsHaveTheirNumbers() {
        assertThat(Taskq.TASKQ_MPSAFE).isEqualTo(1);
        assertThat(Taskq.TASKQ_CANTSLEEP).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 0x100, 1 << 30, 1 << 31, -1})
    @Rule({"OTQ-5", "OTQ-4", "G23", "U17"})
    @DisplayName("G23: unknown flag bits are EINVAL, bit 31 and the old IPL_MPSAFE too, and nothing is made")
    void unknownFlagsAreRefused(int flags) {
        Refusal.of(Errno.EINVAL, () -> Taskq.create(test.get(), "flags", 1, Ipl.NONE, flags))
                .contains("flags", "0x" + Integer.toHexString(flags & ~3));
        assertNothingWasMade();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 4097, 1_000_000, Integer.MIN_VALUE})
    @Rule({"OTQ-6", "U13"})
    @DisplayName("taskq_create with a number of threads outside 1 to 4096 is EINVAL, names it, and nothing is made")
    void impossibleThreadCountsAreRefused(int nthreads) {
        Refusal.of(Errno.EINVAL, () -> Taskq.create(test.get(), "many", nthreads, Ipl.NONE, 0))
                .contains("many", Integer.toString(nthreads), "4096");
        assertNothingWasMade();
    }

    @Test
    @Rule("U17")
    @DisplayName("U17: a null or empty name and a null level are EINVAL, and nothing is made")
    void missingArgumentsAreRefused() {
        Refusal.of(Errno.EINVAL, () -> Taskq.create(test.get(), null, 1, Ipl.NONE, 0))
                .contains("name");
        Refusal.of(Errno.EINVAL, () -> Taskq.create(test.get(), "", 1, Ipl.NONE, 0))
                .contains("name", "empty");
        Refusal.of(Errno.EINVAL, () -> Taskq.create(test.get(), "level", 1, null, 0))
                .contains("ipl");
        assertNothingWasMade();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 15, 16, 4000})
    @Rule({"OTQ-6", "G4"})
    @DisplayName("all threads of a taskq carry its name, of which Linux shows 15 characters, newlines replaced")
    void namesAreCutForLinuxAlone(int length) {
        String name = "tq\nwith\r\nlines,".repeat(300).substring(0, length);
        String shown = "tq?with??lines,".substring(0, Math.min(length, 15));
        Taskq tq = Taskq.create(test.get(), name, 3, Ipl.NONE, 0);
        assertThat(tq.name()).isEqualTo(name);
        assertThat(tq).hasToString("taskq " + name);
        assertThat(tq.workers()).hasSize(3).allSatisfy(worker -> {
            assertThat(worker.queue()).isEqualTo(name);
            assertThat(Proc.comm(worker.thread().tid())).isEqualTo(shown);
        });
        tq.destroy();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 64})
    @Rule("OTQ-6")
    @DisplayName("OTQ-6: in a warm kernel all threads exist, by the kernel's word, when taskq_create returns")
    void threadsExistWhenCreateReturns(int nthreads) {
        Taskq tq = Taskq.create(test.get(), "made", nthreads, Ipl.SOFTNET, 0);
        List<Integer> tids =
                tq.workers().stream().map(worker -> worker.thread().tid()).toList();
        assertThat(tids).hasSize(nthreads).doesNotHaveDuplicates().allMatch(Proc::exists);
        assertThat(tq.ipl()).isEqualTo(Ipl.SOFTNET);
        assertThat(test.get().queues()).containsExactly(tq);
        tq.destroy();
        assertThat(test.get().queues()).isEmpty();
        Bounded.until("the threads are gone", () -> tids.stream().noneMatch(Proc::exists));
    }

    @Test
    @Rule("OTQ-7")
    @DisplayName("OTQ-7: systq runs tasks under the kernel lock, systqmp without; each is one per kernel, at IPL_HIGH")
    void theSystemQueuesDifferInTheKernelLock() {
        Kernel kernel = test.get();
        Taskq systq = Taskq.systq(kernel);
        Taskq systqmp = Taskq.systqmp(kernel);
        assertThat(Taskq.systq(kernel)).isSameAs(systq).isNotSameAs(systqmp);
        assertThat(Taskq.systq(test.with(settings -> {}))).isNotSameAs(systq);
        assertThat(systq.name()).isEqualTo("systq");
        assertThat(systqmp.name()).isEqualTo("systqmp");
        for (Taskq tq : List.of(systq, systqmp)) {
            assertThat(tq.ipl()).isEqualTo(Ipl.HIGH);
            assertThat(tq.workers()).hasSize(1);
            AtomicInteger holds = new AtomicInteger(-1);
            assertThat(tq.add(Task.initializer(lock -> holds.set(lock.holds()), kernel.lock())))
                    .isTrue();
            tq.barrier();
            assertThat(holds.get()).isEqualTo(tq == systq ? 1 : 0);
        }
    }

    @Test
    @Rule({"OTQ-7", "Z18"})
    @DisplayName("OTQ-7: of 1000 tasks on systq and on systqmp each runs once and in order")
    void theSystemQueuesKeepTheirOrder() {
        for (Taskq tq : List.of(Taskq.systq(test.get()), Taskq.systqmp(test.get()))) {
            int[] next = new int[1];
            AtomicInteger wrong = new AtomicInteger();
            for (int i = 0; i < 1000; i++) {
                tq.add(Task.initializer(
                        number -> {
                            if (next[0]++ != number) {
                                wrong.incrementAndGet();
                            }
                        },
                        i));
            }
            tq.barrier();
            assertThat(next[0]).isEqualTo(1000);
            assertThat(wrong.get()).isZero();
        }
    }

    @Test
    @Rule({"OTQ-7", "OTQ-28", "U14", "G11"})
    @DisplayName("U14: destroying or draining systq or systqmp is EINVAL, and they go on")
    void theSystemQueuesCannotBeDestroyed() {
        for (Taskq tq : List.of(Taskq.systq(test.get()), Taskq.systqmp(test.get()))) {
            Refusal.of(Errno.EINVAL, tq::destroy).contains(tq.name(), "system");
            Refusal.of(Errno.EINVAL, tq::drainAndDestroy).contains(tq.name(), "system");
            AtomicBoolean ran = new AtomicBoolean();
            assertThat(tq.add(Task.initializer(flag -> flag.set(true), ran))).isTrue();
            tq.barrier();
            assertThat(ran.get()).isTrue();
        }
    }

    @Test
    @Rule("U7")
    @DisplayName("taskq_create in a closed kernel is ESHUTDOWN and names the kernel")
    void aClosedKernelMakesNoQueue() {
        Kernel kernel = test.with(settings -> {});
        kernel.close();
        Refusal.of(Errno.ESHUTDOWN, () -> Taskq.create(kernel, "late", 1, Ipl.NONE, 0))
                .contains("test", "late");
        assertThat(kernel.queues()).isEmpty();
    }

    @Test
    @Rule({"OTQ-24", "KL-2", "KL-3"})
    @DisplayName("KL-3: an idle taskq without TASKQ_MPSAFE does not keep the kernel lock")
    void idleWorkersDoNotHoldTheKernelLock() {
        Taskq tq = Taskq.create(test.get(), "idle", 4, Ipl.NONE, 0);
        Bounded.run("locks", () -> {
            test.get().lock().lock();
            test.get().lock().unlock();
        });
        tq.destroy();
    }

    @Test
    @Rule("OTQ-6")
    @DisplayName("the kernel's list of queues can be read, with their workers, while queues come and go")
    void queuesCanBeListedWhileTheyAreMade() {
        Kernel kernel = test.get();
        AtomicBoolean stop = new AtomicBoolean();
        CountDownLatch looking = new CountDownLatch(1);
        FutureTask<Integer> reader = Bounded.start("reader", () -> {
            int most = 0;
            while (!stop.get()) {
                for (KernelQueue queue : kernel.queues()) {
                    List<WorkerState> workers = queue.workers();
                    most = Math.max(most, workers.size());
                }
                looking.countDown();
            }
            return most;
        });
        Bounded.arrive(looking);
        for (int i = 0; i < 10 && !reader.isDone(); i++) {
            Taskq.create(kernel, "listed", 8, Ipl.NONE, 0).destroy();
        }
        stop.set(true);
        assertThat(Bounded.join(reader)).isBetween(0, 8);
    }
}
