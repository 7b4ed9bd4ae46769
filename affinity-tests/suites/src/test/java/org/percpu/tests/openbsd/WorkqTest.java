// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.openbsd.Kthread;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.Allocation;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** workq_create, workq_add_task, workq_queue_task and workq_destroy. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkqTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Workq create(String name, int maxthreads, int poolSize) {
        return Workq.create(test.get(), name, maxthreads, Ipl.NONE, poolSize);
    }

    private static boolean count(Workq wq, int flags, AtomicInteger runs) {
        return wq.addTask(flags, (counter, none) -> counter.incrementAndGet(), runs, null);
    }

    @Test
    @Rule({"OWQ-2", "U17"})
    @DisplayName("OWQ-2: the flags have the numbers of the page")
    void flagsHaveTheirNumbers() {
        assertThat(Workq.WQ_WAITOK).isEqualTo(1);
        assertThat(Workq.WQ_MPSAFE).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 1 << 30, 1 << 31, -1})
    @Rule({"OWQ-2", "G23"})
    @DisplayName("OWQ-2, G23: unknown flag bits are EINVAL, bit 31 too, by either call, and nothing is queued")
    void unknownFlagsAreRefused(int flags) {
        Workq wq = create("flags", 1, 1);
        AtomicInteger runs = new AtomicInteger();
        WorkqTask entry = new WorkqTask();
        Refusal.of(Errno.EINVAL, () -> count(wq, flags, runs)).contains("flags", "0x");
        Refusal.of(Errno.EINVAL, () -> wq.queueTask(entry, flags, (a, b) -> runs.incrementAndGet(), null, null))
                .contains("flags", "0x");
        assertThat(wq.workers().get(0).pending()).isZero();
        // The caller's entry and the only one of the pool are free.
        AtomicInteger good = new AtomicInteger();
        wq.queueTask(entry, 0, (a, b) -> good.incrementAndGet(), null, null);
        assertThat(count(wq, 0, good)).isTrue();
        wq.destroy();
        assertThat(good.get()).isEqualTo(2);
        assertThat(runs.get()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 4097, 1_000_000})
    @Rule({"OWQ-6", "U13", "H1"})
    @DisplayName("workq_create with a number of threads outside 1 to 4096 is EINVAL, names it, and nothing is made")
    void impossibleThreadCountsAreRefused(int maxthreads) {
        Refusal.of(Errno.EINVAL, () -> create("many", maxthreads, 1)).contains("many", Integer.toString(maxthreads));
        assertThat(test.get().queues()).isEmpty();
        assertThat(test.get().lwps()).isEmpty();
    }

    @Test
    @Rule({"OWQ-1", "U17", "H1"})
    @DisplayName(
            "U17: a bad pool size, a null or empty name, a null level, function or entry are refused, nothing happens")
    void badArgumentsAreRefused() {
        for (int size : new int[] {0, -1, Integer.MIN_VALUE, (1 << 24) + 1, Integer.MAX_VALUE}) {
            Refusal.of(Errno.EINVAL, () -> create("pool", 1, size)).contains("pool", Integer.toString(size));
        }
        Refusal.of(Errno.EINVAL, () -> create(null, 1, 1)).contains("name");
        Refusal.of(Errno.EINVAL, () -> create("", 1, 1)).contains("empty");
        Refusal.of(Errno.EINVAL, () -> Workq.create(test.get(), "ipl", 1, null)).contains("ipl");
        assertThat(test.get().lwps()).isEmpty();
        Workq wq = create("args", 1, 1);
        Refusal.of(Errno.EINVAL, () -> wq.addTask(0, null, 1, 2)).contains("func", "args");
        Refusal.of(Errno.EINVAL, () -> wq.nativeTask(new WorkqTask(), null, 1, 2))
                .contains("func", "args");
        Refusal.of(Errno.EINVAL, () -> wq.queueTask(new WorkqTask(), 0, null, 1, 2))
                .contains("func", "args");
        assertThat(catchThrowable(() -> wq.queueTask(null, 0, (a, b) -> {}, 1, 2)))
                .isInstanceOf(RuntimeException.class);
        AtomicInteger runs = new AtomicInteger();
        assertThat(count(wq, 0, runs)).isTrue();
        wq.destroy();
        assertThat(runs.get()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 15, 16, 4000})
    @Rule("OWQ-5")
    @DisplayName("OWQ-5: all threads of a workq carry its name, of which Linux shows 15 characters, newlines replaced")
    void namesAreCutForLinuxAlone(int length) {
        String name = "wq\nwith\r\nlines,".repeat(300).substring(0, length);
        Workq wq = create(name, 3, 1);
        assertThat(wq.name()).isEqualTo(name);
        assertThat(wq).hasToString("workq " + name);
        assertThat(wq.workers()).hasSize(3).allSatisfy(worker -> assertThat(
                        Proc.comm(worker.thread().tid()))
                .isEqualTo("wq?with??lines,".substring(0, Math.min(15, length))));
        wq.destroy();
    }

    @Test
    @Rule({"OWQ-3", "OWQ-7"})
    @DisplayName("OWQ-7: all threads are made by create, never more, and the level is kept as given")
    void allThreadsAreMadeByCreate() {
        Workq wq = Workq.create(test.get(), "fixed", 3, Ipl.VM);
        List<Integer> tids =
                wq.workers().stream().map(worker -> worker.thread().tid()).toList();
        assertThat(tids).hasSize(3).allMatch(Proc::exists);
        AtomicInteger runs = new AtomicInteger();
        for (int i = 0; i < 1_000; i++) {
            assertThat(count(wq, 0, runs)).isTrue();
        }
        assertThat(wq.workers()).hasSize(3);
        assertThat(wq.ipl()).isEqualTo(Ipl.VM);
        wq.destroy();
        assertThat(runs.get()).isEqualTo(1_000);
    }

    @Test
    @Rule({"OWQ-4", "S3", "Z18", "U14", "OWQ-14"})
    @DisplayName("OWQ-4: syswq is one per kernel, has one thread, runs tasks, and destroying it is EINVAL")
    void theSystemQueue() {
        Workq syswq = Workq.syswq(test.get());
        assertThat(Workq.syswq(test.get())).isSameAs(syswq);
        assertThat(syswq.name()).isEqualTo("syswq");
        assertThat(syswq.ipl()).isEqualTo(Ipl.HIGH);
        assertThat(syswq.workers()).hasSize(1);
        Refusal.of(Errno.EINVAL, syswq::destroy).contains("syswq", "system");
        Refusal.of(Errno.EINVAL, syswq::drainAndDestroy).contains("syswq");
        List<Integer> order = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 100; i++) {
            assertThat(syswq.addTask(0, List<Integer>::add, order, i)).isTrue();
        }
        Bounded.until("all ran", () -> order.size() == 100);
        assertThat(order).isSorted();
    }

    @Test
    @Rule({"OWQ-8", "OWQ-1"})
    @DisplayName("OWQ-8: with one thread tasks run in the order of their adds, with both arguments, null ones too")
    void oneThreadIsFifo() {
        Workq wq = create("fifo", 1, 100);
        Plug plug = Plug.in(test.get(), wq);
        List<String> ran = new CopyOnWriteArrayList<>();
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            String second = i % 2 == 0 ? null : "odd";
            expected.add(i + " " + second);
            if (i % 3 == 0) {
                wq.queueTask(new WorkqTask(), 0, (a, b) -> ran.add(a + " " + b), i, second);
            } else {
                wq.addTask(0, (a, b) -> ran.add(a + " " + b), i, second);
            }
        }
        plug.pull();
        wq.destroy();
        assertThat(ran).isEqualTo(expected);
    }

    @Test
    @Rule({"OWQ-8", "S5"})
    @DisplayName("OWQ-8: with three threads starts are in the order of the adds, and a sleeping task is overtaken")
    void startsAreFifoWithSeveralThreads() {
        Workq wq = create("starts", 3, 100);
        Plug long1 = Plug.in(test.get(), wq);
        Plug long2 = Plug.in(test.get(), wq);
        Plug plug = Plug.in(test.get(), wq);
        List<Integer> starts = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 100; i++) {
            wq.addTask(0, List<Integer>::add, starts, i);
        }
        plug.pull();
        Bounded.until("later ones overtake the two that sleep", () -> starts.size() == 100);
        // One free thread: starts are also ends.
        assertThat(starts).isSorted();
        long1.pull();
        long2.pull();
        wq.destroy();
    }

    @Test
    @Rule({"OWQ-9", "KL-2", "OWQ-2"})
    @DisplayName("OWQ-9: every task holds the kernel lock once, WQ_MPSAFE or not, also with 4 threads")
    void everyTaskHoldsTheKernelLock() {
        Workq wq = create("locked", 4, 4_000);
        int[] counter = new int[1]; // under the kernel lock
        AtomicInteger wrong = new AtomicInteger();
        for (int i = 0; i < 2_000; i++) {
            boolean added = wq.addTask(
                    i % 2 == 0 ? Workq.WQ_MPSAFE : 0,
                    (lock, none) -> {
                        wrong.addAndGet(lock.holds() == 1 ? 0 : 1);
                        counter[0]++;
                    },
                    test.get().lock(),
                    null);
            assertThat(added).isTrue();
        }
        wq.destroy();
        assertThat(counter[0]).isEqualTo(2_000);
        assertThat(wrong.get()).isZero();
    }

    @Test
    @Rule({"OWQ-1", "S4"})
    @DisplayName(
            "addTask without WQ_WAITOK is false (ENOMEM) when all entries are queued, and true again when one has started")
    void aFullPoolIsEnomem() {
        Workq wq = create("enomem", 1, 3);
        Plug plug = Plug.in(test.get(), wq);
        AtomicInteger runs = new AtomicInteger();
        for (int i = 0; i < 3; i++) {
            assertThat(count(wq, 0, runs)).isTrue();
        }
        assertThat(count(wq, 0, runs)).isFalse();
        assertThat(count(wq, Workq.WQ_MPSAFE, runs)).isFalse();
        wq.queueTask(new WorkqTask(), 0, (counter, none) -> counter.incrementAndGet(), runs, null);
        plug.pull();
        Bounded.until("all ran", () -> runs.get() == 4);
        assertThat(count(wq, 0, runs)).isTrue();
        wq.destroy();
        assertThat(runs.get()).isEqualTo(5);
    }

    @Test
    @Rule({"OWQ-1", "KL-3"})
    @DisplayName("WQ_WAITOK waits while all entries are queued, with the kernel lock dropped, and then proceeds")
    void waitokWaits() {
        Workq wq = create("waitok", 1, 1);
        Plug plug = Plug.in(test.get(), wq);
        AtomicInteger runs = new AtomicInteger();
        assertThat(count(wq, Workq.WQ_WAITOK, runs)).isTrue();
        FutureTask<Integer> waiter = Bounded.start("dispatcher", () -> {
            test.get().lock().lock();
            test.get().lock().lock();
            try {
                assertThat(count(wq, Workq.WQ_WAITOK, runs)).isTrue();
                return test.get().lock().holds();
            } finally {
                test.get().lock().unlock();
                test.get().lock().unlock();
            }
        });
        assertThatThrownBy(() -> waiter.get(100, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        assertThat(runs.get()).isZero();
        plug.pull();
        assertThat(Bounded.join(waiter)).isEqualTo(2);
        wq.destroy();
        assertThat(runs.get()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 32})
    @Rule({"S4", "OWQ-1", "OWQ-12"})
    @DisplayName("S4: with one entry, up to 32 sleeping dispatchers never drop a task, only wait")
    void sleepingDispatchersNeverDrop(int dispatchers) {
        for (int maxthreads : new int[] {1, 2}) {
            Workq wq = create("s4", maxthreads, 1);
            AtomicInteger runs = new AtomicInteger();
            List<FutureTask<Boolean>> threads = new ArrayList<>();
            for (int i = 0; i < dispatchers; i++) {
                threads.add(Bounded.startCode("dispatcher", () -> {
                    for (int k = 0; k < 50; k++) {
                        assertThat(count(wq, Workq.WQ_WAITOK, runs)).isTrue();
                    }
                }));
            }
            threads.forEach(Bounded::join);
            wq.destroy();
            assertThat(runs.get()).isEqualTo(50 * dispatchers);
        }
    }

    @Test
    @Rule({"U5", "OWQ-14"})
    @DisplayName("U5: WQ_WAITOK that would wait in a task of the queue is EDEADLK; with an entry free it is taken")
    void waitokInAnOwnTask() {
        Workq wq = create("self", 1, 1);
        AtomicInteger runs = new AtomicInteger();
        AtomicReference<Throwable> second = new AtomicReference<>();
        AtomicReference<Boolean> first = new AtomicReference<>();
        wq.queueTask(
                new WorkqTask(),
                0,
                (a, b) -> {
                    first.set(count(wq, Workq.WQ_WAITOK, runs));
                    second.set(catchThrowable(() -> count(wq, Workq.WQ_WAITOK, runs)));
                },
                null,
                null);
        Bounded.until("the added one ran", () -> runs.get() == 1);
        assertThat(first.get()).isTrue();
        assertThat(second.get()).isInstanceOf(ErrnoException.class).hasMessageContaining("self");
        assertThat(((ErrnoException) second.get()).errno()).isEqualTo(Errno.EDEADLK);
        assertThat(count(wq, 0, runs)).isTrue();
        wq.destroy();
        assertThat(runs.get()).isEqualTo(2);
    }

    @Test
    @Rule({"OWQ-1", "OWQ-13"})
    @DisplayName(
            "the caller's entry may be queued again, elsewhere or with another function as soon as its function has begun")
    void theEntryIsTheCallersAgainWhenItsFunctionBegins() {
        Workq wq = create("reuse", 1, 1);
        Workq other = create("other", 1, 1);
        WorkqTask entry = new WorkqTask();
        AtomicInteger seen = new AtomicInteger();
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        wq.queueTask(
                entry,
                0,
                (a, b) -> test.get().sleeping("reuse", () -> {
                    inside.countDown();
                    Bounded.arrive(go);
                    seen.addAndGet(a + b);
                    return true;
                }),
                1,
                2);
        Bounded.arrive(inside);
        other.queueTask(entry, 0, (a, b) -> seen.addAndGet(a * b), 100, 10);
        Bounded.until("it ran there", () -> seen.get() == 1_000);
        wq.queueTask(entry, 0, (a, b) -> seen.addAndGet(a), 10_000, null);
        go.countDown();
        wq.destroy();
        other.destroy();
        assertThat(seen.get()).isEqualTo(11_003);
    }

    @Test
    @Rule({"U1", "OWQ-1"})
    @DisplayName(
            "U1: queueing a pending entry is EBUSY on whichever queue, and its function and arguments stay as they were")
    void aPendingEntryIsBusy() {
        Workq wq = create("pending", 1, 1);
        Workq other = create("other", 1, 1);
        Plug plug = Plug.in(test.get(), wq);
        WorkqTask entry = new WorkqTask();
        List<String> ran = new CopyOnWriteArrayList<>();
        wq.queueTask(entry, 0, (a, b) -> ran.add(a + b), "first", "run");
        Refusal.of(Errno.EBUSY, () -> wq.queueTask(entry, 0, (a, b) -> ran.add("wrong"), "second", "try"))
                .contains("pending");
        Refusal.of(Errno.EBUSY, () -> other.queueTask(entry, 0, (a, b) -> ran.add("wrong"), "third", "try"))
                .contains("pending", "other");
        plug.pull();
        wq.destroy();
        other.destroy();
        assertThat(ran).containsExactly("firstrun");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5})
    @Rule({"H2", "OWQ-1"})
    @DisplayName(
            "H2: 32 entries, the i-th queues itself i times and is then given away: 528 runs, none of a dead entry")
    void entriesThatQueueThemselvesAndDie(int maxthreads) {
        Workq wq = create("h2", maxthreads, 1);
        Workq grave = create("grave", 1, 1);
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger buried = new AtomicInteger();
        Workq.Function<WorkqTask, Integer> again = new Workq.Function<>() {
            @Override
            public void run(WorkqTask self, Integer left) {
                runs.incrementAndGet();
                if (left > 0) {
                    wq.queueTask(self, 0, this, self, left - 1);
                } else {
                    // "Free" in a language without free: the next owner uses its link at once.
                    grave.queueTask(self, 0, (a, b) -> buried.incrementAndGet(), null, null);
                }
            }
        };
        for (int i = 0; i < 32; i++) {
            WorkqTask entry = new WorkqTask();
            wq.queueTask(entry, 0, again, entry, i);
        }
        Bounded.until("all are buried", () -> buried.get() == 32);
        wq.destroy();
        grave.destroy();
        assertThat(runs.get()).isEqualTo(528);
    }

    @Test
    @Rule("OWQ-1")
    @DisplayName(
            "addTask and queueTask allocate nothing once the pool has been used, whether the worker is busy or has to be woken")
    void aWarmPoolAllocatesNothing() {
        Machine.needsLinux("the simulation's own calls allocate");
        Workq wq = create("alloc", 1, 64);
        AtomicInteger runs = new AtomicInteger();
        Workq.Function<AtomicInteger, Object> function = (counter, none) -> counter.incrementAndGet();
        WorkqTask entry = new WorkqTask();
        long fewest = Bounded.call(
                "producer",
                () -> Allocation.fewest(() -> {
                    int added = runs.get();
                    for (int i = 0; i < 5_000; i++) {
                        if (wq.addTask(0, function, runs, null)) {
                            added++;
                        }
                        if (i % 32 == 31 || i == 4_999) {
                            wq.queueTask(entry, 0, function, runs, null);
                            added++;
                            while (runs.get() < added) {
                                Thread.onSpinWait();
                            }
                        }
                    }
                }));
        assertThat(fewest).isZero();
        wq.destroy();
    }

    @Test
    @Rule({"OWQ-10", "OWQ-8"})
    @DisplayName("each addTask is a run of its own: the same function three times runs three times")
    void eachAddIsARun() {
        Workq wq = create("three", 1, 8);
        AtomicInteger runs = new AtomicInteger();
        for (int i = 0; i < 3; i++) {
            assertThat(count(wq, 0, runs)).isTrue();
        }
        wq.destroy();
        assertThat(runs.get()).isEqualTo(3);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8, 32})
    @Rule({"OWQ-12", "OWQ-15", "H8", "H11"})
    @DisplayName("OWQ-12, H11: destroy runs what is queued and what those tasks add: three runs of each job on return")
    void destroyDrains(int maxthreads) {
        for (int jobs : new int[] {1, 4, 3 * maxthreads}) {
            Workq wq = create("drain", maxthreads, 4_096);
            AtomicInteger runs = new AtomicInteger();
            Workq.Function<Integer, Object> job = new Workq.Function<>() {
                @Override
                public void run(Integer left, Object none) {
                    runs.incrementAndGet();
                    if (left > 0) {
                        assertThat(wq.addTask(0, this, left - 1, null)).isTrue();
                    }
                }
            };
            for (int i = 0; i < jobs; i++) {
                assertThat(wq.addTask(0, job, 2, null)).isTrue();
            }
            wq.destroy();
            assertThat(runs.get()).isEqualTo(3 * jobs);
        }
    }

    @Test
    @Rule({"OWQ-13", "U6", "U7"})
    @DisplayName(
            "OWQ-13, U6, U7: after destroy a second one is EINVAL and tasks are ESHUTDOWN; the entry may go elsewhere")
    void afterDestroyEverythingIsRefused() {
        Workq wq = create("gone", 2, 1);
        wq.destroy();
        Refusal.of(Errno.EINVAL, wq::destroy).contains("gone");
        AtomicInteger runs = new AtomicInteger();
        WorkqTask entry = new WorkqTask();
        Refusal.of(Errno.ESHUTDOWN, () -> count(wq, 0, runs)).contains("gone");
        Refusal.of(Errno.ESHUTDOWN, () -> count(wq, Workq.WQ_WAITOK, runs)).contains("gone");
        Refusal.of(Errno.ESHUTDOWN, () -> wq.queueTask(entry, 0, (a, b) -> {}, null, null))
                .contains("gone");
        Workq other = create("other", 1, 1);
        other.queueTask(entry, 0, (a, b) -> runs.incrementAndGet(), null, null);
        other.destroy();
        assertThat(runs.get()).isEqualTo(1);
    }

    @Test
    @Rule({"OWQ-14", "U5", "U18", "U20"})
    @DisplayName(
            "OWQ-14: destroy in an own task is EDEADLK, kthread_exit EPERM, a task that throws is reported; the queue goes on")
    void errorsInTasks() {
        List<TestKernel.Fault> faults = test.expectFaults();
        Workq wq = create("errors", 1, 8);
        wq.addTask(0, (a, b) -> wq.destroy(), null, null);
        wq.addTask(0, (a, b) -> Kthread.exit(0), null, null);
        wq.addTask(
                0,
                (a, b) -> {
                    throw new IOException("disk");
                },
                null,
                null);
        AtomicInteger runs = new AtomicInteger();
        count(wq, 0, runs);
        Bounded.until("the last ran", () -> runs.get() == 1);
        wq.destroy();
        assertThat(faults).hasSize(3).allMatch(fault -> "errors".equals(fault.queue()));
        assertThat(((ErrnoException) faults.get(0).thrown()).errno()).isEqualTo(Errno.EDEADLK);
        assertThat(((ErrnoException) faults.get(1).thrown()).errno()).isEqualTo(Errno.EPERM);
        assertThat(faults.get(2).thrown()).hasMessage("disk");
    }

    @Test
    @Rule({"OWQ-12", "U22", "U7"})
    @DisplayName(
            "a dispatcher that waits for an entry when the queue is drained to a deadline gets ESHUTDOWN and does not hang")
    void aWaitingDispatcherIsReleasedByADrop() {
        Workq wq = create("dropped", 1, 1);
        Plug plug = Plug.in(test.get(), wq);
        AtomicInteger runs = new AtomicInteger();
        assertThat(count(wq, 0, runs)).isTrue();
        FutureTask<Boolean> waiter = Bounded.start("dispatcher", () -> count(wq, Workq.WQ_WAITOK, runs));
        assertThatThrownBy(() -> waiter.get(50, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        assertThat(wq.drainAndDestroy(Duration.ofMillis(10))).hasSize(1);
        plug.pull();
        Throwable thrown = catchThrowable(() -> Bounded.join(waiter, 5));
        assertThat(thrown).isInstanceOf(ErrnoException.class);
        assertThat(((ErrnoException) thrown).errno()).isEqualTo(Errno.ESHUTDOWN);
        assertThat(runs.get()).isZero();
    }

    @Test
    @Rule({"OWQ-11", "OWQ-2", "U22"})
    @DisplayName(
            "OWQ-2: an entry that a drain handed back, given to another queue, is refused or runs, and harms no pool")
    void aDroppedPoolEntryIsHarmlessElsewhere() {
        Workq wq = create("source", 1, 8);
        Plug plug = Plug.in(test.get(), wq);
        for (int i = 0; i < 8; i++) {
            assertThat(wq.addTask(0, (a, b) -> {}, null, null)).isTrue();
        }
        List<WorkqTask> dropped = wq.drainAndDestroy(Duration.ZERO);
        plug.pull();
        assertThat(dropped).hasSize(8);
        Workq other = create("target", 1, 2);
        for (WorkqTask entry : dropped) {
            Throwable thrown = catchThrowable(() -> other.queueTask(entry, 0, (a, b) -> {}, null, null));
            if (thrown != null) {
                assertThat(thrown).isInstanceOf(ErrnoException.class);
                assertThat(((ErrnoException) thrown).errno()).isEqualTo(Errno.EINVAL);
            }
        }
        // Its own two entries are there, not more and not fewer.
        Bounded.until("the queue is idle", () -> other.workers().get(0).pending() == 0);
        Plug hold = Plug.in(test.get(), other);
        AtomicInteger runs = new AtomicInteger();
        List<Boolean> added = List.of(count(other, 0, runs), count(other, 0, runs), count(other, 0, runs));
        hold.pull();
        assertThat(added).containsExactly(true, true, false);
        other.destroy();
        assertThat(runs.get()).isEqualTo(2);
    }
}
