// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.queue.Inlet;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** Works that are taken back, and works that are disabled. */
@Timeout(value = 600, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WorkqueueCancelTest {
    private static final int MANY = 300;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    enum Kind {
        ONE(Workqueue.WQ_MPSAFE, false),
        LOCKED(0, false),
        PERCPU(Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU, false),
        SHARED_WORKERS(Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU, true);

        final int flags;
        final boolean shared;

        Kind(int flags, boolean shared) {
            this.flags = flags;
            this.shared = shared;
        }
    }

    private static class Step extends Work {
        final int number;

        Step(int number) {
            this.number = number;
        }
    }

    /** Holds its worker until it is told. */
    private static final class Plug extends Step {
        final CountDownLatch entered = new CountDownLatch(1);
        final CountDownLatch pulled = new CountDownLatch(1);

        Plug() {
            super(-1);
        }

        void hold() {
            entered.countDown();
            Bounded.arrive(pulled);
        }
    }

    private final List<Integer> order = new CopyOnWriteArrayList<>();
    private final List<Step> steps = new ArrayList<>();
    private Cpu cpu;

    private Kernel kernel(Kind kind) {
        return kind.shared ? test.with(settings -> settings.sharedWorkers(true)) : test.get();
    }

    private Workqueue<Step> create(Kind kind, String name) {
        Kernel kernel = kernel(kind);
        cpu = (kind.flags & Workqueue.WQ_PERCPU) == 0 ? null : kernel.cpus().get(0);
        return Workqueue.create(
                kernel,
                name,
                (step, arg) -> {
                    if (step instanceof Plug plug) {
                        plug.hold();
                    } else {
                        order.add(step.number);
                    }
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                kind.flags);
    }

    /** Returns when the worker is in a plug and has taken works, named by numbers, together with it. */
    private Plug plugAndSteps(Workqueue<Step> wq, int count) {
        Plug first = new Plug();
        Plug second = new Plug();
        assertThat(wq.enqueue(first, cpu)).isTrue();
        Bounded.arrive(first.entered);
        wq.enqueue(second, cpu);
        for (int i = 0; i < count; i++) {
            steps.add(new Step(i));
            wq.enqueue(steps.get(i), cpu);
        }
        first.pulled.countDown();
        Bounded.arrive(second.entered);
        return second;
    }

    @ParameterizedTest
    @EnumSource
    @Rule({"CX-1", "CX-2"})
    @DisplayName(
            "CX-1: a work is taken off, out of the works that the worker has taken too: the oldest, one between, the"
                    + " newest; the others run in order")
    void takenWorksAreTakenOff(Kind kind) {
        Workqueue<Step> wq = create(kind, "taken");
        Plug plug = plugAndSteps(wq, 6);
        assertThat(wq.dequeue(steps.get(0))).isTrue();
        assertThat(wq.dequeue(steps.get(0))).isFalse();
        assertThat(wq.dequeue(steps.get(3))).isTrue();
        assertThat(wq.dequeue(steps.get(5))).isTrue();
        assertThat(wq.enqueue(steps.get(3), cpu)).isTrue();
        assertThat(wq.workers().get(0).pending()).isEqualTo(4);
        plug.pulled.countDown();
        wq.waitFor(steps.get(3));
        assertThat(order).containsExactly(1, 2, 4, 3);
        wq.destroy();
    }

    @ParameterizedTest
    @EnumSource
    @Rule("CX-1")
    @DisplayName(
            "CX-1: a work is taken off that the worker has not seen yet; the others run in order, also those that come"
                    + " meanwhile")
    void waitingWorksAreTakenOff(Kind kind) {
        Workqueue<Step> wq = create(kind, "waiting");
        Plug plug = new Plug();
        wq.enqueue(plug, cpu);
        Bounded.arrive(plug.entered);
        for (int i = 0; i < MANY; i++) {
            steps.add(new Step(i));
            wq.enqueue(steps.get(i), cpu);
        }
        FutureTask<Boolean> more = Bounded.startCode("more", () -> {
            for (int i = MANY; i < 2 * MANY; i++) {
                wq.enqueue(new Step(i), cpu);
            }
        });
        for (int i = 0; i < MANY; i++) {
            if (i % 3 != 0) {
                assertThat(wq.dequeue(steps.get(i))).isTrue();
            }
        }
        Bounded.join(more);
        plug.pulled.countDown();
        List<Integer> expected = new ArrayList<>();
        for (int i = 0; i < 2 * MANY; i++) {
            if (i >= MANY || i % 3 == 0) {
                expected.add(i);
            }
        }
        wq.drainAndDestroy();
        assertThat(order).containsExactlyElementsOf(expected);
    }

    @ParameterizedTest
    @EnumSource
    @Rule("CX-1")
    @DisplayName("CX-1: when all that the worker has taken was taken off, the queue is empty and can be destroyed")
    void allTakenOff(Kind kind) {
        Workqueue<Step> wq = create(kind, "all");
        Plug plug = plugAndSteps(wq, 4);
        for (Step step : steps) {
            assertThat(wq.dequeue(step)).isTrue();
        }
        assertThat(wq.workers().get(0).pending()).isZero();
        assertThat(wq.enqueue(steps.get(2), cpu)).isTrue();
        plug.pulled.countDown();
        wq.waitFor(steps.get(2));
        assertThat(order).containsExactly(2);
        wq.destroy();
    }

    @Test
    @Rule("CX-3")
    @DisplayName("CX-3: a work on another workqueue is EINVAL, names the queue, and stays there")
    void otherQueuesAreRefused() {
        Workqueue<Step> wq = create(Kind.ONE, "mine");
        Workqueue<Step> other = create(Kind.ONE, "theirs");
        Plug plug = plugAndSteps(other, 1);
        Refusal.of(Errno.EINVAL, () -> wq.dequeue(steps.get(0))).contains("theirs", "call it there");
        Refusal.of(Errno.EINVAL, () -> wq.disableAndWait(steps.get(0))).contains("theirs");
        plug.pulled.countDown();
        other.waitFor(steps.get(0));
        assertThat(order).containsExactly(0);
        wq.destroy();
        other.destroy();
    }

    @Test
    @Rule("CX-4")
    @DisplayName("CX-4: a disabled work is refused, by every queue, until it was enabled as often as it was disabled")
    void disablesAreCounted() {
        Workqueue<Step> wq = create(Kind.ONE, "count");
        Workqueue<Step> other = create(Kind.ONE, "other");
        Step step = new Step(7);
        Refusal.of(Errno.EINVAL, () -> wq.enable(step)).contains("not disabled");
        assertThat(wq.disable(step)).isFalse();
        assertThat(wq.disable(step)).isFalse();
        assertThat(wq.enqueue(step, null)).isFalse();
        assertThat(other.enqueue(step, null)).isFalse();
        assertThat(wq.enable(step)).isFalse();
        assertThat(wq.enqueue(step, null)).isFalse();
        assertThat(Inlet.isPending(step)).isFalse();
        assertThat(wq.enable(step)).isTrue();
        assertThat(wq.enqueue(step, null)).isTrue();
        wq.waitFor(step);
        assertThat(order).containsExactly(7);
        Refusal.of(Errno.EINVAL, () -> wq.enable(step)).contains("not disabled");
        wq.destroy();
        other.destroy();
    }

    @ParameterizedTest
    @EnumSource
    @Rule("CX-5")
    @DisplayName(
            "CX-5: a work whose callback enqueues it again and again is over after cancelAndWait, which eight threads"
                    + " call at once")
    void selfEnqueuedWorksAreCancelled(Kind kind) {
        AtomicLong runs = new AtomicLong();
        AtomicInteger active = new AtomicInteger();
        List<Workqueue<Step>> self = new ArrayList<>();
        Kernel kernel = kernel(kind);
        Workqueue<Step> wq = Workqueue.create(
                kernel,
                "self",
                (step, arg) -> {
                    active.incrementAndGet();
                    runs.incrementAndGet();
                    boolean again = self.get(0).enqueue(step, null);
                    assert again || Inlet.ownerOf(step) == null;
                    active.decrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                kind.flags);
        self.add(wq);
        Step step = new Step(0);
        for (int round = 0; round < 20; round++) {
            long before = runs.get();
            assertThat(wq.enqueue(step, null)).isTrue();
            Bounded.until("it runs", () -> runs.get() > before + 5);
            List<FutureTask<Boolean>> cancels = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                cancels.add(Bounded.start("cancel", () -> wq.cancelAndWait(step)));
            }
            cancels.forEach(Bounded::join);
            long after = runs.get();
            assertThat(Inlet.isPending(step)).isFalse();
            assertThat(active.get()).isZero();
            assertThat(wq.disable(step)).isFalse();
            assertThat(wq.enable(step)).isTrue();
            assertThat(runs.get()).isEqualTo(after);
        }
        wq.destroy();
    }

    @Test
    @Rule("CX-6")
    @DisplayName("CX-6: a wait in the work's own callback is EDEADLK and leaves it as it was; disable does not wait")
    void ownCallbacksAreRefused() {
        List<Workqueue<Step>> self = new ArrayList<>();
        List<Object> seen = new CopyOnWriteArrayList<>();
        Workqueue<Step> wq = Workqueue.create(
                test.get(),
                "own",
                (step, arg) -> {
                    try {
                        self.get(0).cancelAndWait(step);
                    } catch (ErrnoException e) {
                        seen.add(e.errno());
                    }
                    seen.add(self.get(0).disable(step));
                    seen.add(self.get(0).enqueue(step, null));
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE);
        self.add(wq);
        Step step = new Step(0);
        wq.enqueue(step, null);
        wq.waitFor(step);
        assertThat(seen).containsExactly(Errno.EDEADLK, false, false);
        assertThat(wq.enable(step)).isTrue();
        wq.destroy();
    }

    @ParameterizedTest
    @EnumSource
    @Rule({"CX-1", "CX-4", "CX-5"})
    @DisplayName(
            "CX-5: random enqueues, dequeues, cancels and disables by four threads: enqueues are runs or were taken"
                    + " back, exactly, and nothing runs after disableAndWait")
    void randomCallsAddUp(Kind kind) {
        int rounds = Scale.of(4_000, 2_500_000);
        int works = 12;
        AtomicLong[] runs = new AtomicLong[works];
        AtomicInteger[] inside = new AtomicInteger[works];
        List<Step> all = new ArrayList<>();
        for (int i = 0; i < works; i++) {
            all.add(new Step(i));
            runs[i] = new AtomicLong();
            inside[i] = new AtomicInteger();
        }
        Kernel kernel = kernel(kind);
        List<Workqueue<Step>> self = new ArrayList<>();
        AtomicLong accepted = new AtomicLong();
        AtomicLong taken = new AtomicLong();
        Workqueue<Step> wq = Workqueue.create(
                kernel,
                "random",
                (step, arg) -> {
                    inside[step.number].incrementAndGet();
                    long run = runs[step.number].incrementAndGet();
                    if (run % 5 == 0) {
                        enqueue(self.get(0), step, accepted);
                    }
                    inside[step.number].decrementAndGet();
                },
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                kind.flags);
        self.add(wq);
        List<FutureTask<Boolean>> threads = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            SplittableRandom random = new SplittableRandom(t);
            threads.add(Bounded.startCode("random", () -> {
                for (int round = 0; round < rounds; round++) {
                    Step step = all.get(random.nextInt(works));
                    switch (random.nextInt(16)) {
                        case 0 -> {
                            boolean pending = wq.disableAndWait(step);
                            taken.addAndGet(pending ? 1 : 0);
                            long now = runs[step.number].get();
                            assertThat(Inlet.isPending(step)).isFalse();
                            assertThat(inside[step.number].get()).isZero();
                            assertThat(wq.enqueue(step, null)).isFalse();
                            Thread.onSpinWait();
                            assertThat(runs[step.number].get()).isEqualTo(now);
                            wq.enable(step);
                        }
                        case 1 -> {
                            taken.addAndGet(wq.disable(step) ? 1 : 0);
                            wq.enable(step);
                        }
                        case 2 -> taken.addAndGet(wq.cancelAndWait(step) ? 1 : 0);
                        case 3, 4, 5 -> taken.addAndGet(wq.dequeue(step) ? 1 : 0);
                        default -> enqueue(wq, step, accepted);
                    }
                }
            }));
        }
        threads.forEach(thread -> Bounded.join(thread, 500));
        wq.drainAndDestroy();
        long ran = 0;
        for (AtomicLong each : runs) {
            ran += each.get();
        }
        assertThat(all).noneMatch(Inlet::isPending);
        assertThat(ran + taken.get()).isEqualTo(accepted.get());
        assertThat(accepted.get()).isPositive();
    }

    private static void enqueue(Workqueue<Step> wq, Step step, AtomicLong accepted) {
        try {
            if (wq.enqueue(step, null)) {
                accepted.incrementAndGet();
            }
        } catch (ErrnoException e) {
            assertThat(e.errno()).isIn(Errno.EBUSY, Errno.ESHUTDOWN);
        }
    }
}
