// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.Cpu;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.DelayState;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.netbsd.Callout;
import org.percpu.netbsd.DelayedWork;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Allocation;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("works that wait for their time on a workqueue")
@SuppressWarnings("ReferenceEquality") // which work it is, not what it equals
class DelayedWorkTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration SOON = Duration.ofMillis(2);
    private static final int BOTH = Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @AfterEach
    void destroyQueues() {
        for (KernelQueue queue : test.get().queues()) {
            if (!queue.name().equals("clock")) {
                queue.drainAndDestroy(Duration.ofSeconds(5));
            }
        }
    }

    private DelayedWork work() {
        return new DelayedWork(test.get());
    }

    /** A queue whose first work holds it up. */
    private final class Plugged {
        final List<Work> ran = new CopyOnWriteArrayList<>();
        final Semaphore gate = new Semaphore(0);
        final DelayedWork plug = work();
        final Workqueue<Work> wq;

        Plugged(int flags) {
            CountDownLatch in = new CountDownLatch(1);
            wq = test.workqueue("plugged", flags, (work, arg) -> {
                ran.add(work);
                if (work == plug) {
                    in.countDown();
                    Bounded.acquire(gate, 1);
                }
            });
            wq.enqueue(plug, flags == BOTH ? test.cpu(0) : null);
            Bounded.arrive(in);
        }
    }

    @Test
    @Rule("TM-8")
    @DisplayName("TM-8: after the delay, and not before, the work is in the queue of the CPU named")
    void runsAfterTheDelay() {
        Kernel kernel = test.get();
        for (Cpu cpu : kernel.cpus()) {
            AtomicLong at = new AtomicLong();
            AtomicInteger on = new AtomicInteger(-1);
            Workqueue<Work> wq = test.workqueue("later", BOTH, (work, arg) -> {
                on.set(kernel.curcpu().id());
                at.set(System.nanoTime());
            });
            for (Duration delay : List.of(Duration.ZERO, Duration.ofNanos(1), SOON, Duration.ofMillis(20))) {
                at.set(0);
                long begin = System.nanoTime();
                wq.enqueueAfter(work(), cpu, delay);
                Bounded.until("it has run", () -> at.get() != 0);
                assertThat(at.get() - begin).isGreaterThanOrEqualTo(delay.toNanos());
                assertThat(on).hasValue(cpu.id());
            }
            wq.destroy();
        }
    }

    @Test
    @Rule("TM-8")
    @DisplayName("TM-8: a work that waits for its time is pending: enqueue, and a second delay, are EBUSY")
    void waitingIsPending() {
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("waiting", 0, (work, arg) -> runs.incrementAndGet());
        Workqueue<Work> other = test.workqueue("other", 0, (work, arg) -> runs.incrementAndGet());
        DelayedWork work = work();
        wq.enqueueAfter(work, null, HOUR);
        for (Workqueue<Work> queue : List.of(wq, other)) {
            Refusal.of(Errno.EBUSY, () -> queue.enqueue(work, null)).contains("pending", "waiting");
            Refusal.of(Errno.EBUSY, () -> queue.enqueueAfter(work, null, SOON)).contains("pending");
        }
        assertThat(wq.waitFor(work, SOON)).isFalse();
        assertThat(wq.cancel(work)).isEqualTo(DelayState.WAITING);
        assertThat(wq.waitFor(work, Duration.ZERO)).isTrue();
        other.enqueue(work, null);
        other.waitFor(work);
        assertThat(runs).hasValue(1);
    }

    @Test
    @Rule("TM-8")
    @DisplayName(
            "TM-8: modify and cancel say whether the work waited, was queued, ran or was idle, and do what that allows")
    void statesAreTold() {
        Plugged plugged = new Plugged(Workqueue.WQ_MPSAFE);
        Workqueue<Work> wq = plugged.wq;
        DelayedWork work = work();
        assertThat(wq.cancel(work)).isEqualTo(DelayState.IDLE);
        assertThat(wq.modify(work, null, HOUR)).isEqualTo(DelayState.IDLE);
        assertThat(wq.modify(work, null, HOUR.multipliedBy(2))).isEqualTo(DelayState.WAITING);
        assertThat(wq.cancel(work)).isEqualTo(DelayState.WAITING);
        assertThat(wq.cancel(work)).isEqualTo(DelayState.IDLE);
        // The one that runs now can be delayed again, and taken back.
        assertThat(wq.cancel(plugged.plug)).isEqualTo(DelayState.RUNNING);
        assertThat(wq.modify(plugged.plug, null, HOUR)).isEqualTo(DelayState.RUNNING);
        assertThat(wq.cancel(plugged.plug)).isEqualTo(DelayState.WAITING);
        // What is in the queue stays there, and runs.
        assertThat(wq.modify(work, null, HOUR)).isEqualTo(DelayState.IDLE);
        assertThat(wq.modify(work, null, Duration.ZERO)).isEqualTo(DelayState.WAITING);
        Bounded.until("its time is over", () -> wq.workers().get(0).pending() == 1);
        assertThat(wq.modify(work, null, HOUR)).isEqualTo(DelayState.QUEUED);
        assertThat(wq.cancel(work)).isEqualTo(DelayState.QUEUED);
        plugged.gate.release();
        wq.waitFor(work);
        assertThat(plugged.ran).containsExactly(plugged.plug, work);
    }

    @Test
    @Rule("TM-8")
    @DisplayName("TM-8: modify moves a waiting work to an earlier and a later time, and to another CPU")
    void modifyMoves() {
        Kernel kernel = test.get();
        List<Integer> ranOn = new CopyOnWriteArrayList<>();
        Workqueue<Work> wq = test.workqueue(
                "moved", BOTH, (work, arg) -> ranOn.add(kernel.curcpu().id()));
        for (Cpu cpu : kernel.cpus()) {
            DelayedWork work = work();
            wq.enqueueAfter(work, test.cpu(0), HOUR);
            assertThat(wq.modify(work, cpu, HOUR)).isEqualTo(DelayState.WAITING);
            assertThat(wq.modify(work, null, Duration.ZERO)).isEqualTo(DelayState.WAITING);
            wq.waitFor(work);
        }
        assertThat(ranOn)
                .containsExactlyElementsOf(kernel.cpus().stream().map(Cpu::id).toList());
    }

    @Test
    @Rule("TM-8")
    @DisplayName("TM-8: works come to the queue in the order of their times, between those that are enqueued meanwhile")
    void orderOfTimes() {
        Plugged plugged = new Plugged(BOTH);
        Workqueue<Work> wq = plugged.wq;
        List<DelayedWork> works = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            works.add(work());
        }
        for (int i = 0; i < 20; i++) {
            wq.enqueueAfter(works.get(i), test.cpu(0), Duration.ofMillis(10 + i));
        }
        Work before = new Work();
        wq.enqueue(before, test.cpu(0));
        Bounded.until("all are queued", () -> wq.workers().get(0).pending() == 21);
        Work after = new Work();
        wq.enqueue(after, test.cpu(0));
        plugged.gate.release();
        wq.waitFor(after);
        List<Work> expected = new ArrayList<>(List.of(plugged.plug, before));
        expected.addAll(works);
        expected.add(after);
        assertThat(plugged.ran).isEqualTo(expected);
    }

    @Test
    @Rule({"TM-8", "TM-4"})
    @DisplayName("TM-8, TM-4: delaying, moving and cancelling allocate nothing")
    void allocatesNothing() {
        Machine.needsLinux("counts what a thread allocates");
        Workqueue<Work> wq = test.workqueue("thrifty", BOTH, (work, arg) -> {});
        DelayedWork work = work();
        Duration later = HOUR.multipliedBy(2);
        Cpu cpu = test.lastCpu();
        wq.enqueueAfter(work, cpu, HOUR);
        wq.cancel(work);
        long bytes = Allocation.fewest(() -> {
            for (int i = 0; i < 1000; i++) {
                wq.enqueueAfter(work, cpu, later);
                DelayState moved = wq.modify(work, null, HOUR);
                DelayState found = wq.cancel(work);
                assert moved == DelayState.WAITING && found == DelayState.WAITING;
            }
        });
        assertThat(bytes).isZero();
    }

    @Test
    @Rule({"TM-8", "TM-9"})
    @DisplayName(
            "TM-8, TM-9: destroy with a waiting work is EBUSY; a drain waits for works whose time comes, and hands back"
                    + " the others, which never run")
    void endOfTheQueue() {
        Kernel kernel = test.get();
        for (int flags : new int[] {Workqueue.WQ_MPSAFE, 0, BOTH}) {
            AtomicInteger runs = new AtomicInteger();
            Workqueue<Work> wq = test.workqueue("ends", flags, (work, arg) -> runs.incrementAndGet());
            DelayedWork soon = work();
            wq.enqueueAfter(soon, null, Duration.ofMillis(30));
            Refusal.of(Errno.EBUSY, wq::destroy).contains("wait for their time", "cancel");
            wq.drainAndDestroy();
            assertThat(runs).hasValue(1);
            Workqueue<Work> dropped = test.workqueue("dropped", flags, (work, arg) -> runs.incrementAndGet());
            List<DelayedWork> works = List.of(work(), work(), work());
            works.forEach(work -> dropped.enqueueAfter(work, null, HOUR));
            assertThat(dropped.drainAndDestroy(Duration.ofMillis(5))).containsExactlyInAnyOrderElementsOf(works);
            assertThat(works).allMatch(work -> kernel.clocks().stream().allMatch(clock -> clock.pending() == 0));
            assertThat(runs).hasValue(1);
            Refusal.of(Errno.ESHUTDOWN, () -> dropped.enqueueAfter(soon, null, SOON))
                    .contains("destroyed");
            Refusal.of(Errno.ESHUTDOWN, () -> dropped.modify(soon, null, SOON)).contains("destroyed");
            assertThat(dropped.cancel(soon)).isEqualTo(DelayState.IDLE);
        }
    }

    @Test
    @Rule({"TM-8", "TM-9"})
    @DisplayName(
            "TM-8, TM-9: while a queue drains nothing can be delayed, and a cancel of the last waiting work ends it")
    void cancelDuringADrain() throws Exception {
        for (int flags : new int[] {Workqueue.WQ_MPSAFE, BOTH}) {
            Workqueue<Work> wq = test.workqueue("draining", flags, (work, arg) -> {});
            DelayedWork work = work();
            wq.enqueueAfter(work, null, HOUR);
            var drain = Bounded.start("drains", () -> wq.drainAndDestroy(Duration.ofMinutes(5)));
            Bounded.until("it is destroyed", () -> {
                try {
                    wq.enqueueAfter(work, null, HOUR);
                    return false;
                } catch (org.percpu.bindings.spi.ErrnoException e) {
                    return e.errno() == Errno.ESHUTDOWN;
                }
            });
            assertThat(wq.cancel(work)).isEqualTo(DelayState.WAITING);
            assertThat(Bounded.join(drain)).doesNotContain(work);
        }
    }

    @Test
    @Rule({"TM-8", "TM-9"})
    @DisplayName(
            "TM-8, TM-9: a shutdown of the kernel runs works whose time comes, and reports the others by themselves")
    void endOfTheKernel() {
        for (boolean shared : new boolean[] {false, true}) {
            AtomicInteger runs = new AtomicInteger();
            Kernel kernel = test.with(builder -> builder.sharedWorkers(shared));
            Workqueue<Work> wq = test.workqueue(kernel, "open", BOTH, (work, arg) -> runs.incrementAndGet());
            DelayedWork soon = new DelayedWork(kernel);
            DelayedWork late = new DelayedWork(kernel);
            wq.enqueueAfter(soon, null, Duration.ofMillis(20));
            wq.enqueueAfter(late, null, HOUR);
            var report = kernel.shutdown(Duration.ofMillis(200));
            assertThat(report.worksNeverRun()).containsExactly(late);
            assertThat(runs).hasValue(1);
            Refusal.of(Errno.ESHUTDOWN, () -> wq.enqueueAfter(late, null, SOON));
        }
    }

    @Test
    @Rule("TM-8")
    @DisplayName("TM-8: a callback delays its own work again, and a cancel ends that")
    void periodic() {
        AtomicInteger runs = new AtomicInteger();
        List<Workqueue<Work>> self = new CopyOnWriteArrayList<>();
        Workqueue<Work> wq = test.workqueue("period", 0, (work, arg) -> {
            runs.incrementAndGet();
            self.get(0).enqueueAfter(work, null, Duration.ofNanos(100_000));
        });
        self.add(wq);
        DelayedWork work = work();
        wq.enqueueAfter(work, null, Duration.ZERO);
        Bounded.until("it comes again", () -> runs.get() > 10);
        Bounded.until("it is taken back", () -> wq.cancel(work) == DelayState.WAITING);
        wq.waitFor(work);
        int seen = runs.get();
        wq.destroy();
        assertThat(runs).hasValue(seen);
    }

    @Test
    @Rule("TM-8")
    @DisplayName(
            "TM-8: works may be delayed in a callout; a queue of a lower level refuses with EPERM, and the work is free")
    void inInterruptState() {
        Kernel kernel = test.get();
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> low = test.workqueue("low", 0, (work, arg) -> runs.addAndGet(100));
        Workqueue<Work> high = Workqueue.create(
                kernel, "high", (work, arg) -> runs.incrementAndGet(), null, Pri.PRI_NONE, Ipl.SOFTCLOCK, 0);
        List<String> refused = new CopyOnWriteArrayList<>();
        DelayedWork work = work();
        Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
        callout.reset(
                0,
                arg -> {
                    refused.add(String.valueOf(Refusal.of(Errno.EPERM, () -> low.enqueueAfter(work, null, SOON))));
                    Refusal.of(Errno.EPERM, () -> low.modify(work, null, SOON));
                    Refusal.of(Errno.EPERM, () -> low.cancel(work));
                    high.enqueueAfter(work, null, SOON);
                },
                null);
        Bounded.until("it has run", () -> runs.get() != 0);
        assertThat(runs).hasValue(1);
        assertThat(refused).hasSize(1);
        callout.halt(null);
    }

    @Test
    @Rule("TM-8")
    @DisplayName("TM-8: a post from C to a waiting work adds a value to the run that is to come")
    void posted() {
        Machine.needsLinux("posts from C");
        List<Long> values = new CopyOnWriteArrayList<>();
        List<NativeWork> handle = new CopyOnWriteArrayList<>();
        AtomicInteger runs = new AtomicInteger();
        Workqueue<Work> wq = test.workqueue("posted", Workqueue.WQ_MPSAFE, (work, arg) -> {
            handle.get(0).drain(values::add);
            runs.incrementAndGet();
        });
        DelayedWork work = work();
        try (NativeWork posts = wq.nativeWork(work, null)) {
            handle.add(posts);
            wq.enqueueAfter(work, null, HOUR);
            assertThat(posts.post(7)).isNotNegative();
            assertThat(wq.modify(work, null, Duration.ofMillis(20))).isEqualTo(DelayState.WAITING);
            Bounded.until("it has run", () -> runs.get() == 1);
            assertThat(values).containsExactly(7L);
            wq.enqueueAfter(work, null, HOUR);
            posts.post(8);
            assertThat(wq.drainAndDestroy(Duration.ofMillis(5))).containsExactly(work);
        }
    }

    @Test
    @Rule("TM-8")
    @DisplayName(
            "TM-8: a work without a timer, or of another kernel, a negative or missing time, and a wrong CPU are EINVAL")
    void badInput() {
        Workqueue<Work> wq = test.workqueue("strict", 0, (work, arg) -> {});
        Kernel other = test.with(builder -> {});
        Workqueue<Work> elsewhere = test.workqueue("elsewhere", 0, (work, arg) -> {});
        DelayedWork work = work();
        Work plain = new Work();
        Refusal.of(Errno.EINVAL, () -> new DelayedWork(null)).contains("kernel");
        Refusal.of(Errno.EINVAL, () -> wq.enqueueAfter(null, null, SOON)).contains("null");
        Refusal.of(Errno.EINVAL, () -> wq.cancel(null)).contains("null");
        Refusal.of(Errno.EINVAL, () -> wq.modify(null, null, SOON)).contains("null");
        Refusal.of(Errno.EINVAL, () -> wq.enqueueAfter(plain, null, SOON)).contains("DelayedWork");
        Refusal.of(Errno.EINVAL, () -> wq.cancel(plain)).contains("DelayedWork");
        Refusal.of(Errno.EINVAL, () -> wq.enqueueAfter(work, null, null)).contains("delay");
        for (Duration bad : List.of(Duration.ofNanos(-1), Duration.ofSeconds(Long.MIN_VALUE))) {
            Refusal.of(Errno.EINVAL, () -> wq.enqueueAfter(work, null, bad)).contains("delay");
            Refusal.of(Errno.EINVAL, () -> wq.modify(work, null, bad)).contains("delay");
        }
        Refusal.of(Errno.EINVAL, () -> wq.enqueueAfter(work, test.cpu(0), SOON)).contains("WQ_PERCPU");
        Refusal.of(Errno.EINVAL, () -> wq.enqueueAfter(new DelayedWork(other), null, SOON))
                .contains("kernel");
        wq.enqueueAfter(work, null, Duration.ofSeconds(Long.MAX_VALUE, 999_999_999));
        Refusal.of(Errno.EINVAL, () -> elsewhere.cancel(work)).contains("strict");
        Refusal.of(Errno.EINVAL, () -> elsewhere.modify(work, null, SOON)).contains("strict");
        Refusal.of(Errno.EINVAL, () -> wq.modify(work, test.cpu(0), SOON)).contains("WQ_PERCPU");
        assertThat(wq.cancel(work)).isEqualTo(DelayState.WAITING);
    }
}
