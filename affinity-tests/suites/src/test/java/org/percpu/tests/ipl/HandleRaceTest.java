// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.SplSupport;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** Queues that are made and dropped while C code posts to their works and others close the handles. */
class HandleRaceTest {
    private static final int THREADS = 4;
    private static final int POSTERS = 2;
    private static final int WORKS = 3; // of a queue; nobody posts the last one

    @RegisterExtension
    final TestKernel kernel = new TestKernel();

    private final LinuxCalls linux = Machine.linux();

    /** A work of a queue, and what became of it. */
    private static final class Posted extends Work {
        final AtomicInteger accepted = new AtomicInteger(); // posts that found it not pending
        final AtomicInteger refused = new AtomicInteger(); // posts that found the ring full, for which it runs as well
        final AtomicInteger ran = new AtomicInteger();
        final Task task = Task.initializer(work -> work.ran(), this);

        void ran() {
            ran.getAndIncrement();
        }
    }

    /** A queue with its works, for those who race with its end. */
    private static final class Target {
        final List<Posted> works = new ArrayList<>();
        final List<NativeWork> handles = new ArrayList<>();

        void closeHandles() {
            handles.forEach(NativeWork::close);
        }
    }

    private final AtomicReferenceArray<@Nullable Target> targets = new AtomicReferenceArray<>(THREADS);

    @Test
    @Timeout(3600)
    @DisplayName(
            "four threads open, close and drop under C posters: no exception, no run that nobody posted, no handle kept")
    void nothingIsLostAndNothingRunsThatNobodyPosted() {
        Levels.needLibrary();
        int rounds = Scale.of(1_000, 100_000) / THREADS;
        int before = SplSupport.openHandles();
        AtomicBoolean over = new AtomicBoolean();
        List<FutureTask<Boolean>> posters = new ArrayList<>();
        for (int i = 0; i < POSTERS; i++) {
            posters.add(Bounded.startCode("poster " + i, () -> post(over)));
        }
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger returned = new AtomicInteger();
        List<FutureTask<Boolean>> threads = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            int mine = i;
            threads.add(Bounded.startCode("thread " + i, () -> {
                for (int round = 0; round < rounds; round++) {
                    if ((round & 1) == 0) {
                        workqueue(mine, runs, returned);
                    } else {
                        taskq(mine, runs, returned);
                    }
                }
            }));
        }
        for (FutureTask<Boolean> thread : threads) {
            assertThat(Bounded.join(thread, Scale.of(60, 3_000))).isTrue();
        }
        over.set(true);
        for (FutureTask<Boolean> poster : posters) {
            assertThat(Bounded.join(poster)).isTrue();
        }
        System.out.println(THREADS * rounds + " rounds: " + runs + " runs, " + returned + " returned");
        assertThat(runs.get()).isPositive();
        assertThat(returned.get()).isPositive();
        assertThat(SplSupport.openHandles()).isEqualTo(before);
    }

    /** C code, which also tries handles that were closed long ago. */
    private void post(AtomicBoolean over) {
        long function = NativeWork.postFunction();
        while (!over.get()) {
            Target target = targets.get(ThreadLocalRandom.current().nextInt(THREADS));
            if (target == null) {
                Thread.onSpinWait();
                continue;
            }
            int i = ThreadLocalRandom.current().nextInt(WORKS - 1);
            long handle = target.handles.get(i).handle();
            long result = linux.call(function, handle, i, 0, 0, 0, 0);
            if (result == 0) {
                target.works.get(i).accepted.getAndIncrement();
            } else if (result == -Errno.EAGAIN.number()) {
                target.works.get(i).refused.getAndIncrement();
            } else {
                assertThat(result).isIn(1L, (long) -Errno.ESHUTDOWN.number(), (long) -Errno.EINVAL.number());
            }
        }
    }

    private void workqueue(int mine, AtomicInteger runs, AtomicInteger returned) {
        Workqueue<Posted> wq = Workqueue.create(
                kernel.get(), "race" + mine, (work, arg) -> work.ran(), null, Pri.PRI_NONE, Ipl.HIGH, 0);
        Target target = new Target();
        for (int i = 0; i < WORKS; i++) {
            Posted work = new Posted();
            target.works.add(work);
            target.handles.add(wq.nativeWork(work, null));
        }
        race(mine, target);
        List<Posted> dropped =
                wq.drainAndDestroy(Duration.ofNanos(ThreadLocalRandom.current().nextInt(100_000)));
        check(target, dropped, runs, returned);
    }

    private void taskq(int mine, AtomicInteger runs, AtomicInteger returned) {
        Taskq tq = Taskq.create(kernel.get(), "race" + mine, 2, Ipl.HIGH, 0);
        Target target = new Target();
        for (int i = 0; i < WORKS; i++) {
            Posted work = new Posted();
            target.works.add(work);
            target.handles.add(tq.nativeTask(work.task));
        }
        race(mine, target);
        List<Posted> dropped = new ArrayList<>();
        List<Task> tasks =
                tq.drainAndDestroy(Duration.ofNanos(ThreadLocalRandom.current().nextInt(100_000)));
        target.works.stream().filter(work -> tasks.contains(work.task)).forEach(dropped::add);
        assertThat(dropped).hasSameSizeAs(tasks);
        check(target, dropped, runs, returned);
    }

    /** Posters have it from now on; and the next thread closes its handles, as this one does those of another. */
    private void race(int mine, Target target) {
        targets.set(mine, target);
        Target other = targets.get((mine + 1) % THREADS);
        if (other != null && ThreadLocalRandom.current().nextBoolean()) {
            other.closeHandles();
        }
    }

    private void check(Target target, List<Posted> dropped, AtomicInteger runs, AtomicInteger returned) {
        target.closeHandles();
        for (int i = 0; i < WORKS; i++) {
            Posted work = target.works.get(i);
            boolean back = dropped.contains(work);
            if (i == WORKS - 1) {
                assertThat(work.ran).as("nobody has posted it").hasValue(0);
                assertThat(back).isFalse();
            }
            if (work.accepted.get() > 0) {
                // A callback that had begun is left running.
                Bounded.until("it has run or is returned", () -> work.ran.get() + (back ? 1 : 0) > 0);
            }
            int ran = work.ran.get();
            // The poster counts behind the run.
            Bounded.until("each run was posted", () -> work.accepted.get() + work.refused.get() >= ran);
            runs.getAndAdd(ran);
            returned.getAndAdd(back ? 1 : 0);
        }
        assertThat(target.works).containsAll(dropped);
    }
}
