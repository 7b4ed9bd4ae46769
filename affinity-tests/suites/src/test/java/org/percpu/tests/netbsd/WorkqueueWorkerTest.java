// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** The worker of a workqueue: what it holds, what it survives, in which order it runs. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkqueueWorkerTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @Rule("NWQ-14")
    @DisplayName("NWQ-14: works that come while a batch runs go to the next batch; nothing is lost, nothing overtakes")
    void worksThatComeDuringABatchRunAfterIt() {
        List<Work> ran = new CopyOnWriteArrayList<>();
        List<Work> late = List.of(new Work(), new Work());
        AtomicReference<Workqueue<Work>> self = new AtomicReference<>();
        Work first = new Work();
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        Workqueue<Work> wq = test.workqueue("batch", Workqueue.WQ_MPSAFE, (work, arg) -> {
            ran.add(work);
            if (work.equals(first)) {
                entered.countDown();
                Bounded.arrive(go);
            } else if (!late.contains(work) && ran.size() == 2) {
                late.forEach(w -> self.get().enqueue(w, null));
            }
        });
        self.set(wq);
        wq.enqueue(first, null);
        Bounded.arrive(entered);
        List<Work> batch = List.of(new Work(), new Work(), new Work());
        batch.forEach(work -> wq.enqueue(work, null));
        go.countDown();
        Bounded.until("all ran", () -> ran.size() == 6);
        assertThat(ran).containsExactly(first, batch.get(0), batch.get(1), batch.get(2), late.get(0), late.get(1));
        wq.destroy();
    }

    @Test
    @Rule("NWQ-16")
    @DisplayName("NWQ-16: a callback may send its own work to another queue; the rest of the batch is not lost")
    void aCallbackMayGiveItsOwnWorkAway() {
        int count = 10_000;
        AtomicInteger second = new AtomicInteger();
        AtomicInteger first = new AtomicInteger();
        Workqueue<Work> to = test.workqueue("to", Workqueue.WQ_MPSAFE, (work, arg) -> second.incrementAndGet());
        Workqueue<Work> from = test.workqueue("from", Workqueue.WQ_MPSAFE, (work, arg) -> {
            first.incrementAndGet();
            to.enqueue(work, null);
        });
        for (int i = 0; i < count; i++) {
            from.enqueue(new Work(), null);
        }
        Bounded.until("all went through both", () -> second.get() == count);
        assertThat(first.get()).isEqualTo(count);
        from.destroy();
        Bounded.until("the second is idle", () -> to.workers().get(0).executed() == count);
        to.destroy();
    }

    @Test
    @Rule({"NWQ-17", "U18"})
    @DisplayName("NWQ-17, U18: kthread_exit in a callback is EPERM, and the worker goes on")
    void aCallbackMustNotExitTheWorker() {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        CountDownLatch ran = new CountDownLatch(1);
        List<Thread> threads = new CopyOnWriteArrayList<>();
        List<Integer> holds = new CopyOnWriteArrayList<>();
        Workqueue<Work> wq = test.workqueue("exit", 0, (work, arg) -> {
            threads.add(Thread.currentThread());
            holds.add(test.get().lock().holds());
            if (thrown.get() == null) {
                try {
                    throw Kthread.exit(1);
                } catch (ErrnoException e) {
                    thrown.set(e);
                }
            } else {
                ran.countDown();
            }
        });
        wq.enqueue(new Work(), null);
        wq.enqueue(new Work(), null);
        Bounded.arrive(ran);
        assertThat(((ErrnoException) thrown.get()).errno()).isEqualTo(Errno.EPERM);
        assertThat(thrown.get()).hasMessageContaining("exit");
        assertThat(holds).containsExactly(1, 1);
        assertThat(threads.get(1)).isSameAs(threads.get(0));
        wq.destroy();
    }

    @Test
    @Rule("NWQ-17")
    @DisplayName("NWQ-17: a callback that sleeps delays the works of its queue and no other queue's")
    void aSleepingCallbackDelaysOnlyItsQueue() {
        CountDownLatch asleep = new CountDownLatch(1);
        CountDownLatch wake = new CountDownLatch(1);
        AtomicInteger behind = new AtomicInteger();
        Work sleeper = new Work();
        Workqueue<Work> wq = test.workqueue("slow", Workqueue.WQ_MPSAFE, (work, arg) -> {
            if (work.equals(sleeper)) {
                asleep.countDown();
                Bounded.arrive(wake);
            } else {
                behind.incrementAndGet();
            }
        });
        CountDownLatch other = new CountDownLatch(1000);
        Workqueue<Work> free = test.workqueue("free", Workqueue.WQ_MPSAFE, (work, arg) -> other.countDown());
        wq.enqueue(sleeper, null);
        Bounded.arrive(asleep);
        wq.enqueue(new Work(), null);
        for (int i = 0; i < 1000; i++) {
            free.enqueue(new Work(), null);
        }
        Bounded.arrive(other);
        assertThat(behind.get()).isZero();
        wake.countDown();
        Bounded.until("the work behind ran", () -> behind.get() == 1);
        wq.destroy();
        free.destroy();
    }

    @Test
    @Rule({"NWQ-18", "U20", "G21"})
    @DisplayName(
            "NWQ-18, U20: a callback that throws is reported with queue, work and cause, and later works still run")
    void aThrowingCallbackIsReportedAndTheWorkerGoesOn() {
        List<TestKernel.Fault> faults = test.expectFaults();
        Kernel kernel = test.get();
        List<Integer> holds = new CopyOnWriteArrayList<>();
        List<Throwable> causes = List.of(
                new IllegalStateException("unchecked"),
                new Exception("checked"),
                new AssertionError("error"),
                new StackOverflowError("deep"),
                new OutOfMemoryError("feigned"));
        AtomicInteger next = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("throws", 0, (work, arg) -> {
            holds.add(kernel.lock().holds());
            int i = next.getAndIncrement();
            if (i < causes.size()) {
                sneak(causes.get(i));
            }
        });
        List<Work> works = new ArrayList<>();
        for (int i = 0; i <= causes.size(); i++) {
            works.add(new Work());
            wq.enqueue(works.get(i), null);
        }
        Bounded.until("all ran", () -> wq.workers().get(0).executed() == works.size());
        assertThat(holds).hasSize(works.size()).containsOnly(1);
        assertThat(faults).hasSize(causes.size());
        for (int i = 0; i < causes.size(); i++) {
            assertThat(faults.get(i).queue()).isEqualTo(test.workerName("throws"));
            assertThat(faults.get(i).item()).isSameAs(works.get(i));
            assertThat(faults.get(i).thrown()).isSameAs(causes.get(i));
        }
        assertThat(wq.workers().get(0).faults()).isEqualTo(causes.size());
        wq.destroy();
    }

    @SuppressWarnings("unchecked")
    private static <X extends Throwable> void sneak(Throwable thrown) throws X {
        throw (X) thrown;
    }

    @Test
    @Rule({"NWQ-18", "KL-1", "G21"})
    @DisplayName(
            "KL-1, NWQ-18: a callback that leaves the kernel lock taken too often or too seldom is put right and reported")
    void unbalancedHoldsArePutRight() {
        List<String> console = test.expectConsole();
        Kernel kernel = test.get();
        List<Integer> holds = new CopyOnWriteArrayList<>();
        AtomicInteger next = new AtomicInteger();
        Workqueue.Function<Work, Object> callback = (work, arg) -> {
            holds.add(kernel.lock().holds());
            switch (next.getAndIncrement()) {
                case 0 -> kernel.lock().unlock();
                case 1 -> {
                    kernel.lock().lock();
                    kernel.lock().lock();
                }
                default -> {}
            }
        };
        Workqueue<Work> wq = test.workqueue("unbalanced", 0, callback);
        for (int i = 0; i < 3; i++) {
            wq.enqueue(new Work(), null);
        }
        Bounded.until("all ran", () -> wq.workers().get(0).executed() == 3);
        assertThat(holds).containsExactly(1, 1, 1);
        assertThat(console).hasSize(2).allMatch(line -> line.contains("unbalanced"));
        Bounded.run("takes the kernel lock", () -> {
            kernel.lock().lock();
            kernel.lock().unlock();
        });
        wq.destroy();
    }

    @Test
    @Rule({"NWQ-18", "KL-2"})
    @DisplayName("KL-2: a WQ_MPSAFE callback that forgets to drop the kernel lock does not keep it from others")
    void anMpsafeCallbackCannotKeepTheKernelLock() {
        List<String> console = test.expectConsole();
        Kernel kernel = test.get();
        List<Integer> holds = new CopyOnWriteArrayList<>();
        Workqueue<Work> wq = test.workqueue("keeps", Workqueue.WQ_MPSAFE, (work, arg) -> {
            holds.add(kernel.lock().holds());
            kernel.lock().lock();
        });
        wq.enqueue(new Work(), null);
        wq.enqueue(new Work(), null);
        Bounded.until("both ran", () -> wq.workers().get(0).executed() == 2);
        assertThat(holds).containsExactly(0, 0);
        Bounded.run("takes the kernel lock", () -> {
            kernel.lock().lock();
            kernel.lock().unlock();
        });
        assertThat(console).hasSize(2);
        wq.destroy();
    }

    @Test
    @Rule("NWQ-18")
    @DisplayName("NWQ-18: a fault handler that throws does not end the worker")
    void aFaultHandlerThatThrowsIsHarmless() {
        Kernel kernel = test.with(settings -> settings.faultHandler((queue, item, thrown) -> {
            throw new IllegalStateException("the handler is broken too");
        }));
        CountDownLatch ran = new CountDownLatch(1);
        AtomicInteger next = new AtomicInteger();
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "handler",
                (work, arg) -> {
                    if (next.getAndIncrement() == 0) {
                        throw new IllegalStateException("fault");
                    }
                    ran.countDown();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                0);
        wq.enqueue(new Work(), null);
        wq.enqueue(new Work(), null);
        Bounded.arrive(ran);
        wq.destroy();
    }

    @Test
    @Rule("NWQ-19")
    @DisplayName("NWQ-19: callbacks of one queue never overlap, whoever enqueues")
    void callbacksOfOneQueueNeverOverlap() {
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger overlaps = new AtomicInteger();
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("serial", Workqueue.WQ_MPSAFE, (work, arg) -> {
            if (inside.incrementAndGet() != 1) {
                overlaps.incrementAndGet();
            }
            ran.incrementAndGet();
            inside.decrementAndGet();
        });
        int producers = 4;
        int each = 5_000;
        CyclicBarrier start = new CyclicBarrier(producers);
        for (int p = 0; p < producers; p++) {
            Thread producer = new Thread(() -> {
                Bounded.meet(start);
                for (int i = 0; i < each; i++) {
                    wq.enqueue(new Work(), null);
                }
            });
            producer.start();
        }
        Bounded.until("all ran", () -> ran.get() == producers * each);
        assertThat(overlaps.get()).isZero();
        wq.destroy();
    }

    @Test
    @Rule("NWQ-19")
    @DisplayName("NWQ-19: callbacks of a per-CPU queue overlap between CPUs: all of them meet inside")
    void callbacksOnDifferentCpusOverlap() {
        Machine.needsCpus(2);
        int cpus = test.get().cpus().size();
        CyclicBarrier inside = new CyclicBarrier(cpus + 1);
        Workqueue<Work> wq = test.workqueue("overlap", Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU, (work, arg) -> {
            Bounded.meet(inside);
        });
        test.get().cpus().forEach(cpu -> wq.enqueue(new Work(), cpu));
        Bounded.meet(inside);
        Bounded.until("all returned", () -> wq.workers().stream().allMatch(w -> w.executed() == 1));
        wq.destroy();
    }

    @Test
    @Rule({"KL-2", "NWQ-19"})
    @DisplayName("KL-2: without WQ_MPSAFE callbacks hold the kernel lock once, also between CPUs; with it they do not")
    void theKernelLockIsHeldWithoutMpsafe() {
        Kernel kernel = test.get();
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger overlaps = new AtomicInteger();
        Set<Integer> holds = ConcurrentHashMap.newKeySet();
        AtomicInteger ran = new AtomicInteger();
        Workqueue<Work> locked = test.workqueue("locked", Workqueue.WQ_PERCPU, (work, arg) -> {
            if (inside.incrementAndGet() != 1) {
                overlaps.incrementAndGet();
            }
            holds.add(kernel.lock().holds());
            inside.decrementAndGet();
            ran.incrementAndGet();
        });
        for (int i = 0; i < 1000; i++) {
            kernel.cpus().forEach(cpu -> locked.enqueue(new Work(), cpu));
        }
        Bounded.until("all ran", () -> ran.get() == 1000 * kernel.cpus().size());
        locked.destroy();
        assertThat(holds).containsExactly(1);
        assertThat(overlaps.get()).isZero();

        Set<Integer> free = ConcurrentHashMap.newKeySet();
        CountDownLatch one = new CountDownLatch(1);
        Workqueue<Work> mpsafe = test.workqueue("mpsafe", Workqueue.WQ_MPSAFE, (work, arg) -> {
            free.add(kernel.lock().holds());
            one.countDown();
        });
        mpsafe.enqueue(new Work(), null);
        Bounded.arrive(one);
        assertThat(free).containsExactly(0);
        mpsafe.destroy();
    }

    @Test
    @Rule({"KL-2", "KL-3"})
    @DisplayName("KL-3: an idle worker without WQ_MPSAFE does not keep the kernel lock")
    void anIdleWorkerDoesNotHoldTheKernelLock() {
        Kernel kernel = test.get();
        CountDownLatch ran = new CountDownLatch(1);
        Workqueue<Work> wq = test.workqueue("idle", 0, (work, arg) -> ran.countDown());
        wq.enqueue(new Work(), null);
        Bounded.arrive(ran);
        Bounded.run("takes the kernel lock", () -> {
            kernel.lock().lock();
            kernel.lock().unlock();
        });
        wq.destroy();
    }

    @Test
    @Rule({"KL-3", "KL-5", "G14"})
    @DisplayName(
            "KL-3: 64 works that sleep in a non-MPSAFE callback let a non-MPSAFE thread take the kernel lock meanwhile")
    void sleepingCallbacksLetOthersTakeTheKernelLock() {
        Kernel kernel = test.get();
        int works = 64;
        Object request = new Object();
        Object answer = new Object();
        int[] asked = new int[1]; // both guarded by the kernel lock
        int[] answered = new int[1];
        AtomicInteger withLock = new AtomicInteger();
        CountDownLatch ended = new CountDownLatch(1);
        Kthread.create(
                kernel,
                Pri.PRI_NONE,
                Kthread.KTHREAD_TS,
                null,
                arg -> {
                    while (answered[0] < works) {
                        while (asked[0] == answered[0]) {
                            kernel.sleepq().tsleep(request, "request", 0);
                        }
                        withLock.addAndGet(kernel.lock().holds());
                        answered[0]++;
                        kernel.sleepq().wakeup(answer);
                    }
                    ended.countDown();
                    throw Kthread.exit(0);
                },
                null,
                "other");
        AtomicInteger relocked = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("sleepers", 0, (work, arg) -> {
            int mine = ++asked[0];
            kernel.sleepq().wakeup(request);
            while (answered[0] < mine) {
                kernel.sleepq().tsleep(answer, "answer", 0);
            }
            relocked.addAndGet(kernel.lock().holds());
        });
        for (int i = 0; i < works; i++) {
            wq.enqueue(new Work(), null);
        }
        Bounded.arrive(ended);
        Bounded.until("all ran", () -> wq.workers().get(0).executed() == works);
        assertThat(withLock.get()).isEqualTo(works);
        assertThat(relocked.get()).isEqualTo(works);
        wq.destroy();
    }
}
