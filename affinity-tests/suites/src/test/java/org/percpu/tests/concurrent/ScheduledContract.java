// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.concurrent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableScheduledFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.bindings.spi.Errno;
import org.percpu.kernel.ClockState;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.ShutdownReport;
import org.percpu.netbsd.Callout;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Scale;

/** What java.util.concurrent promises of scheduled executors, for each executor of the library. */
abstract class ScheduledContract extends ExecutorContract {
    private static final long MILLI = TimeUnit.MILLISECONDS.toNanos(1);

    /** A new executor with other policies for tasks that wait at a shutdown. */
    abstract ScheduledExecutorService make(boolean delayedRun, boolean periodicGoOn);

    final ScheduledExecutorService scheduled() {
        return (ScheduledExecutorService) executor();
    }

    private long pending() {
        return test.get().clocks().stream().mapToLong(ClockState::pending).sum();
    }

    private static void pass(long nanos) {
        long begin = System.nanoTime();
        Bounded.until(nanos + " ns are over", () -> System.nanoTime() - begin > nanos);
    }

    @Test
    @DisplayName("a task runs after its delay, never before, in the worker, and its future has the result")
    void delays() throws Exception {
        for (int round = 0; round < 20; round++) {
            long delay = round * MILLI / 4;
            long begin = System.nanoTime();
            ScheduledFuture<Long> future =
                    scheduled().schedule((Callable<Long>) System::nanoTime, delay, TimeUnit.NANOSECONDS);
            assertThat(get(future) - begin).isGreaterThanOrEqualTo(delay);
            assertThat(future.getDelay(TimeUnit.NANOSECONDS)).isLessThanOrEqualTo(0);
            assertThat(((RunnableScheduledFuture<?>) future).isPeriodic()).isFalse();
        }
        AtomicReference<@Nullable Thread> thread = new AtomicReference<>();
        ScheduledExecutorService single = (ScheduledExecutorService) single();
        assertThat(get(single.schedule(() -> thread.set(Thread.currentThread()), 1, TimeUnit.MILLISECONDS)))
                .isNull();
        assertThat(get(single.submit(Thread::currentThread))).isSameAs(thread.get());
        ScheduledFuture<?> failed = single.schedule(
                () -> {
                    throw new IllegalStateException("late");
                },
                1,
                TimeUnit.MILLISECONDS);
        assertThatThrownBy(() -> get(failed))
                .isInstanceOf(ExecutionException.class)
                .hasRootCauseMessage("late");
    }

    @Test
    @DisplayName(
            "delays of zero and less are over at once; those of centuries can be asked for, compared and cancelled")
    void extremes() throws Exception {
        for (long delay : new long[] {0, -1, Long.MIN_VALUE}) {
            assertThat(get(scheduled().schedule(() -> 1, delay, TimeUnit.NANOSECONDS)))
                    .isEqualTo(1);
            CountDownLatch three = new CountDownLatch(3);
            Future<?> periodic = scheduled().scheduleAtFixedRate(three::countDown, delay, 1, TimeUnit.MILLISECONDS);
            Bounded.arrive(three);
            assertThat(periodic.cancel(false)).isTrue();
        }
        ScheduledFuture<?> never = scheduled().schedule(() -> {}, Long.MAX_VALUE, TimeUnit.DAYS);
        ScheduledFuture<?> rare =
                scheduled().scheduleAtFixedRate(() -> {}, Long.MAX_VALUE, Long.MAX_VALUE, TimeUnit.SECONDS);
        ScheduledFuture<?> soon = scheduled().schedule(() -> {}, 1, TimeUnit.HOURS);
        assertThat(never.getDelay(TimeUnit.DAYS)).isGreaterThan(365L * 200);
        assertThat(soon.getDelay(TimeUnit.MINUTES)).isBetween(50L, 60L);
        assertThat(soon.compareTo(never)).isNegative();
        assertThat(never.compareTo(soon)).isPositive();
        ScheduledFuture<?> same = soon;
        assertThat(soon.compareTo(same)).isZero();
        CountDownLatch first = new CountDownLatch(1);
        ScheduledFuture<?> slow =
                scheduled().scheduleWithFixedDelay(first::countDown, 1, Long.MAX_VALUE, TimeUnit.NANOSECONDS);
        Bounded.arrive(first);
        Bounded.until("it waits again", () -> pending() == 4);
        for (Future<?> future : List.of(never, rare, soon, slow)) {
            assertThat(future.cancel(false)).isTrue();
        }
        assertThat(pending()).isZero();
    }

    @Test
    @DisplayName("tasks run in the order of their times, those of the same delay in the order in which they came")
    void order() throws Exception {
        ScheduledExecutorService single = (ScheduledExecutorService) single();
        CountDownLatch release = new CountDownLatch(1);
        Future<?> occupied = occupy(single, release);
        List<Integer> ran = Collections.synchronizedList(new ArrayList<>());
        List<ScheduledFuture<Integer>> all = new ArrayList<>();
        for (int delay : new int[] {5, 3, 4, 1, 2}) {
            all.add(scheduleNumber(single, all.size(), delay, ran));
        }
        for (int i = 0; i < 20; i++) {
            all.add(scheduleNumber(single, all.size(), 6, ran));
        }
        Bounded.until("all are in the queue", () -> pending() == 0);
        release.countDown();
        get(occupied);
        List<ScheduledFuture<Integer>> byTime = new ArrayList<>(all);
        byTime.sort(null);
        List<Integer> expected = new ArrayList<>();
        for (ScheduledFuture<Integer> future : byTime) {
            expected.add(get(future));
        }
        assertThat(ran).containsExactlyElementsOf(expected);
        assertThat(ran.stream().filter(number -> number >= 5).toList()).isSorted();
    }

    private static ScheduledFuture<Integer> scheduleNumber(
            ScheduledExecutorService executor, int number, int delay, List<Integer> ran) {
        return executor.schedule(
                () -> {
                    ran.add(number);
                    return number;
                },
                delay,
                TimeUnit.MILLISECONDS);
    }

    @Test
    @DisplayName("at a fixed rate no run is before its time, and runs that were missed are made up for, one by one")
    void fixedRate() throws Exception {
        ScheduledExecutorService single = (ScheduledExecutorService) single();
        long period = 2 * MILLI;
        AtomicInteger runs = new AtomicInteger();
        AtomicInteger early = new AtomicInteger();
        AtomicInteger atOnce = new AtomicInteger();
        AtomicInteger running = new AtomicInteger();
        AtomicLong caughtUp = new AtomicLong();
        long begin = System.nanoTime();
        ScheduledFuture<?> future = single.scheduleAtFixedRate(
                () -> {
                    atOnce.addAndGet(running.getAndIncrement());
                    int run = runs.getAndIncrement();
                    long now = System.nanoTime();
                    if (now - begin < period + run * period) {
                        early.incrementAndGet();
                    }
                    if (run == 1) {
                        pass(10 * period);
                    } else if (run == 11) {
                        caughtUp.set(now - begin);
                    }
                    running.decrementAndGet();
                },
                period,
                period,
                TimeUnit.NANOSECONDS);
        assertThat(((RunnableScheduledFuture<?>) future).isPeriodic()).isTrue();
        Bounded.until("it runs", () -> runs.get() >= 15);
        assertThat(future.isDone()).isFalse();
        assertThat(future.cancel(false)).isTrue();
        assertThat(early).hasValue(0);
        assertThat(atOnce).hasValue(0);
        // Eleven periods and a run of ten: without making up for it, run 11 would come after twenty.
        assertThat(caughtUp.get()).isPositive();
        assertThatThrownBy(future::get).isInstanceOf(CancellationException.class);
        assertThat(pending()).isZero();
    }

    @Test
    @DisplayName("with a fixed delay, a run begins no sooner than that after the end of the one before")
    void fixedDelay() throws Exception {
        long delay = 2 * MILLI;
        AtomicLong end = new AtomicLong(Long.MIN_VALUE);
        AtomicInteger early = new AtomicInteger();
        CountDownLatch ten = new CountDownLatch(10);
        ScheduledFuture<?> future = scheduled()
                .scheduleWithFixedDelay(
                        () -> {
                            long last = end.get();
                            if (last != Long.MIN_VALUE && System.nanoTime() - last < delay) {
                                early.incrementAndGet();
                            }
                            pass(delay);
                            ten.countDown();
                            end.set(System.nanoTime());
                        },
                        1,
                        delay,
                        TimeUnit.NANOSECONDS);
        Bounded.arrive(ten);
        assertThat(future.cancel(true)).isTrue();
        assertThat(early).hasValue(0);
    }

    @Test
    @DisplayName("a periodic task that throws ends; get() has the exception")
    void periodicThrows() throws Exception {
        AtomicInteger runs = new AtomicInteger();
        ScheduledFuture<?> future = scheduled()
                .scheduleAtFixedRate(
                        () -> {
                            if (runs.incrementAndGet() == 3) {
                                throw new IllegalStateException("third");
                            }
                        },
                        0,
                        1,
                        TimeUnit.MILLISECONDS);
        assertThatThrownBy(() -> get(future))
                .isInstanceOf(ExecutionException.class)
                .hasRootCauseMessage("third");
        pass(5 * MILLI);
        assertThat(runs).hasValue(3);
        assertThat(pending()).isZero();
        executor().shutdown();
        awaitEnd(executor());
    }

    private WeakReference<Object> scheduleAndCancel() {
        Object held = new Object();
        ScheduledFuture<?> future = scheduled().schedule(held::hashCode, 1, TimeUnit.HOURS);
        assertThat(pending()).isEqualTo(1);
        assertThat(future.isDone()).isFalse();
        assertThat(future.cancel(false)).isTrue();
        assertThat(future.cancel(false)).isFalse();
        assertThat(future.isCancelled()).isTrue();
        return new WeakReference<>(held);
    }

    @Test
    @DisplayName("cancel takes a task off the clock at once, and nothing keeps what it refers to")
    void cancelTakesOut() {
        WeakReference<Object> held = scheduleAndCancel();
        assertThat(pending()).isZero();
        Bounded.until("it is collected", () -> {
            System.gc();
            return held.get() == null;
        });
        executor().shutdown();
        Bounded.until("the executor ends without it", executor()::isTerminated);
    }

    @Test
    @DisplayName("cancel(true) of a periodic task that runs interrupts it, and it does not come again")
    void cancelRunningPeriodic() throws Exception {
        for (int round = 0; round < 50; round++) {
            AtomicInteger runs = new AtomicInteger();
            CountDownLatch begun = new CountDownLatch(1);
            AtomicBoolean interrupted = new AtomicBoolean();
            ScheduledFuture<?> future = scheduled()
                    .scheduleAtFixedRate(
                            () -> {
                                runs.incrementAndGet();
                                begun.countDown();
                                try {
                                    new CountDownLatch(1).await();
                                } catch (InterruptedException e) {
                                    interrupted.set(true);
                                }
                            },
                            0,
                            1,
                            TimeUnit.MICROSECONDS);
            Bounded.arrive(begun);
            assertThat(future.cancel(true)).isTrue();
            Bounded.until("it was interrupted", interrupted::get);
            assertThat(pending()).isZero();
            assertThat(runs).hasValue(1);
        }
    }

    @Test
    @DisplayName("a shutdown lets delayed tasks run and cancels periodic ones; further ones are rejected")
    void shutdownPolicies() throws Exception {
        ScheduledExecutorService executor = scheduled();
        AtomicBoolean ran = new AtomicBoolean();
        Future<?> delayed = executor.schedule(() -> ran.set(true), 20, TimeUnit.MILLISECONDS);
        Future<?> periodic = executor.scheduleAtFixedRate(() -> {}, 0, 1, TimeUnit.MILLISECONDS);
        Future<?> waiting = executor.scheduleAtFixedRate(() -> {}, 1, 1, TimeUnit.HOURS);
        executor.shutdown();
        assertThat(executor.isTerminated()).isFalse();
        assertThat(waiting.isCancelled()).isTrue();
        for (Throwable thrown : Arrays.asList(
                catchThrowable(() -> executor.schedule(() -> 1, 1, TimeUnit.SECONDS)),
                catchThrowable(() -> executor.schedule(() -> {}, 1, TimeUnit.SECONDS)),
                catchThrowable(() -> executor.scheduleAtFixedRate(() -> {}, 1, 1, TimeUnit.SECONDS)),
                catchThrowable(() -> executor.scheduleWithFixedDelay(() -> {}, 1, 1, TimeUnit.SECONDS)))) {
            assertThat(thrown).isInstanceOf(RejectedExecutionException.class).hasMessageContaining("shut down");
        }
        awaitEnd(executor);
        assertThat(periodic.isCancelled()).isTrue();
        assertThat(ran).isTrue();
        assertThat(get(delayed)).isNull();
        assertThat(pending()).isZero();
    }

    @Test
    @DisplayName("the policies of a shutdown can be reversed: delayed tasks are cancelled, periodic ones go on")
    void otherPolicies() throws Exception {
        ScheduledExecutorService executor = make(false, true);
        Future<?> delayed = executor.schedule(() -> {}, 1, TimeUnit.HOURS);
        AtomicInteger runs = new AtomicInteger();
        Future<?> periodic = executor.scheduleAtFixedRate(runs::incrementAndGet, 0, 1, TimeUnit.MILLISECONDS);
        executor.shutdown();
        assertThat(delayed.isCancelled()).isTrue();
        int before = runs.get();
        Bounded.until("it goes on", () -> runs.get() > before + 3);
        assertThat(executor.isTerminated()).isFalse();
        assertThat(periodic.cancel(false)).isTrue();
        awaitEnd(executor);
        ScheduledExecutorService neither = make(false, false);
        List<Future<?>> all = List.of(
                neither.schedule(() -> {}, 1, TimeUnit.HOURS),
                neither.scheduleWithFixedDelay(() -> {}, 1, 1, TimeUnit.HOURS));
        neither.shutdown();
        assertThat(all).allMatch(Future::isCancelled);
        awaitEnd(neither);
    }

    @Test
    @DisplayName("shutdownNow returns tasks that wait for their time, periodic ones too; they are not cancelled")
    void shutdownNowDelayed() throws Exception {
        ScheduledExecutorService executor = (ScheduledExecutorService) single();
        CountDownLatch begun = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        executor.execute(() -> {
            begun.countDown();
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                interrupted.set(true);
            }
        });
        Bounded.arrive(begun);
        AtomicInteger ran = new AtomicInteger();
        Runnable queued = ran::incrementAndGet;
        Future<Integer> first = executor.schedule((Callable<Integer>) ran::incrementAndGet, 1, TimeUnit.HOURS);
        Future<?> second = executor.schedule(ran::incrementAndGet, 30, TimeUnit.MINUTES);
        Future<?> periodic = executor.scheduleAtFixedRate(ran::incrementAndGet, 1, 1, TimeUnit.HOURS);
        Future<?> cancelled = executor.schedule(ran::incrementAndGet, 1, TimeUnit.HOURS);
        assertThat(cancelled.cancel(false)).isTrue();
        executor.execute(queued);
        Future<?> due = executor.schedule(ran::incrementAndGet, 1, TimeUnit.NANOSECONDS);
        Bounded.until("it is in the queue", () -> pending() == 3);
        List<Runnable> returned = executor.shutdownNow();
        assertThat(returned).hasSize(5);
        assertThat(returned.subList(0, 2)).containsExactlyInAnyOrder(queued, (Runnable) due);
        assertThat(returned.subList(2, 5)).containsExactly((Runnable) first, (Runnable) second, (Runnable) periodic);
        assertThat(first.isDone() || periodic.isDone()).isFalse();
        assertThat(executor.shutdownNow()).isEmpty();
        awaitEnd(executor);
        assertThat(interrupted).isTrue();
        assertThat(ran).hasValue(0);
        assertThat(pending()).isZero();
        ((Runnable) first).run();
        assertThat(get(first)).isEqualTo(1);
        assertThat(ran).hasValue(1);
        ((Runnable) periodic).run();
        assertThat(periodic.isCancelled()).isTrue();
    }

    @Test
    @DisplayName("the close of the kernel waits for tasks within its time, and reports the others as the executor's")
    void endsWithTheKernelDelayed() throws Exception {
        ScheduledExecutorService executor = scheduled();
        AtomicBoolean ran = new AtomicBoolean();
        Future<?> soon = executor.schedule(() -> ran.set(true), 1, TimeUnit.MILLISECONDS);
        Future<?> late = executor.schedule(() -> 1, 1, TimeUnit.HOURS);
        Future<?> periodic = executor.scheduleAtFixedRate(() -> {}, 0, 1, TimeUnit.MILLISECONDS);
        ShutdownReport report = test.get().shutdown(Duration.ofMillis(300));
        assertThat(report.worksNeverRun()).containsExactly(late);
        assertThat(get(soon)).isNull();
        assertThat(ran).isTrue();
        assertThat(late.isDone()).isFalse();
        Bounded.until("it is cancelled", periodic::isCancelled);
        assertThat(executor.isTerminated()).isTrue();
        assertThatThrownBy(() -> executor.schedule(() -> 1, 1, TimeUnit.SECONDS))
                .isInstanceOf(RejectedExecutionException.class);
        assertThat(late.cancel(false)).isTrue();
    }

    @Test
    @DisplayName("drainAndDestroy returns the futures that had no time to run")
    void drainsDelayed() throws Exception {
        ScheduledExecutorService executor = scheduled();
        Future<?> late = executor.schedule(() -> 1, 1, TimeUnit.HOURS);
        assertThat(((KernelQueue) executor).drainAndDestroy(Duration.ofMillis(1)))
                .hasSize(1)
                .first()
                .isSameAs(late);
        awaitEnd(executor);
        assertThat(pending()).isZero();
    }

    @Test
    @DisplayName("null is a NullPointerException, a period or delay that is not positive an IllegalArgumentException")
    @SuppressWarnings("NullAway") // the point of the test
    void badInputOfSchedule() {
        ScheduledExecutorService executor = scheduled();
        for (Throwable thrown : Arrays.asList(
                catchThrowable(() -> executor.schedule((Runnable) null, 1, TimeUnit.SECONDS)),
                catchThrowable(() -> executor.schedule((Callable<Object>) null, 1, TimeUnit.SECONDS)),
                catchThrowable(() -> executor.schedule(() -> {}, 1, null)),
                catchThrowable(() -> executor.schedule(() -> 1, 1, null)),
                catchThrowable(() -> executor.scheduleAtFixedRate(null, 1, 1, TimeUnit.SECONDS)),
                catchThrowable(() -> executor.scheduleAtFixedRate(() -> {}, 1, 1, null)),
                catchThrowable(() -> executor.scheduleWithFixedDelay(null, 1, 1, TimeUnit.SECONDS)),
                catchThrowable(() -> executor.scheduleWithFixedDelay(() -> {}, 1, 1, null)))) {
            assertThat(thrown).isInstanceOf(NullPointerException.class);
        }
        for (long period : new long[] {0, -1, Long.MIN_VALUE}) {
            assertThatThrownBy(() -> executor.scheduleAtFixedRate(() -> {}, 1, period, TimeUnit.SECONDS))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("must be positive");
            assertThatThrownBy(() -> executor.scheduleWithFixedDelay(() -> {}, 1, period, TimeUnit.SECONDS))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    @DisplayName(
            "get() of a task that waits for its time, in a task of its worker, is EDEADLK; outside it may time out")
    void deadlockOfSchedule() throws Exception {
        ScheduledExecutorService executor = (ScheduledExecutorService) single();
        get(executor.submit(() -> {
            ScheduledFuture<?> later = executor.schedule(() -> {}, 1, TimeUnit.MILLISECONDS);
            Refusal.of(Errno.EDEADLK, later::get).contains("waits for");
            return later.cancel(false);
        }));
        ScheduledFuture<?> late = executor.schedule(() -> {}, 1, TimeUnit.HOURS);
        assertThatThrownBy(() -> late.get(1, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        assertThat(late.cancel(false)).isTrue();
    }

    @Test
    @DisplayName("an interrupt handler may schedule and cancel when the kernel has clocks, and is told so before")
    void schedulesInHandlers() throws Exception {
        ScheduledExecutorService executor = scheduled();
        Callout callout = new Callout(test.get(), Callout.CALLOUT_MPSAFE);
        AtomicReference<@Nullable ScheduledFuture<Integer>> made = new AtomicReference<>();
        AtomicBoolean cancelled = new AtomicBoolean();
        callout.reset(
                0,
                arg -> {
                    made.set(executor.schedule(() -> 7, 1, TimeUnit.MILLISECONDS));
                    cancelled.set(executor.schedule(() -> 8, 1, TimeUnit.HOURS).cancel(false));
                },
                null);
        Bounded.until("it has run", () -> made.get() != null && cancelled.get());
        ScheduledFuture<Integer> future = made.get();
        assertThat((Object) future).isNotNull();
        assertThat(get(future)).isEqualTo(7);
    }

    @Test
    @DisplayName("virtual threads may submit, schedule, wait, cancel and shut down")
    void virtualCallers() throws Exception {
        Machine.skipUnless(Runtime.version().feature() >= 21, "virtual threads came with Java 21");
        ScheduledExecutorService executor = scheduled();
        List<FutureTask<Integer>> callers = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            int number = i;
            FutureTask<Integer> caller = new FutureTask<>(() -> {
                assertThat(executor.schedule(() -> 1, 1, TimeUnit.HOURS).cancel(true))
                        .isTrue();
                executor.execute(() -> {});
                int submitted = executor.submit(() -> number).get();
                return submitted
                        + executor.schedule(() -> number, 1, TimeUnit.MILLISECONDS)
                                .get();
            });
            callers.add(caller);
            Object unused =
                    Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, caller);
        }
        for (int i = 0; i < callers.size(); i++) {
            assertThat(Bounded.join(callers.get(i))).isEqualTo(2 * i);
        }
        FutureTask<Boolean> ends = new FutureTask<>(() -> {
            executor.shutdown();
            return executor.awaitTermination(Bounded.SECONDS, TimeUnit.SECONDS);
        });
        Object unused =
                Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, ends);
        assertThat(Bounded.join(ends)).isTrue();
    }

    @Test
    @DisplayName("threads schedule and cancel while the tasks' time comes, then shutdownNow: each task has one end")
    @SuppressWarnings("CollectionUndefinedEquality") // the set compares identities
    void scheduleStorm() throws Exception {
        int tasks = Scale.of(60_000, 1_000_000);
        ScheduledExecutorService executor = scheduled();
        AtomicIntegerArray runs = new AtomicIntegerArray(tasks);
        AtomicReferenceArray<@Nullable Future<?>> futures = new AtomicReferenceArray<>(tasks);
        ConcurrentLinkedQueue<Future<?>> periodics = new ConcurrentLinkedQueue<>();
        AtomicInteger scheduled = new AtomicInteger();
        AtomicBoolean over = new AtomicBoolean();
        List<FutureTask<Boolean>> submitters = new ArrayList<>();
        List<FutureTask<Boolean>> cancellers = new ArrayList<>();
        int threads = 4;
        for (int s = 0; s < threads; s++) {
            int first = s;
            submitters.add(Bounded.startCode("schedules", () -> {
                try {
                    for (int i = first; i < tasks; i += threads) {
                        int number = i;
                        if (i % 64 == first) {
                            periodics.add(executor.scheduleAtFixedRate(() -> {}, i % 500, 50, TimeUnit.MICROSECONDS));
                        }
                        futures.set(
                                i,
                                executor.schedule(() -> runs.incrementAndGet(number), i % 1500, TimeUnit.MICROSECONDS));
                        scheduled.incrementAndGet();
                    }
                } catch (RejectedExecutionException e) {
                    assertThat(executor.isShutdown()).isTrue();
                }
            }));
            cancellers.add(Bounded.startCode("cancels", () -> {
                while (!over.get()) {
                    for (int i = first; i < tasks && !over.get(); i += 5) {
                        Future<?> future = futures.get(i);
                        if (future != null) {
                            future.cancel(i % 2 == 0);
                        }
                    }
                    Future<?> periodic = periodics.poll();
                    if (periodic != null) {
                        periodic.cancel(true);
                    }
                }
            }));
        }
        Bounded.until("half of them", () -> scheduled.get() >= tasks / 2);
        List<Runnable> returned = executor.shutdownNow();
        submitters.forEach(thread -> assertThat(Bounded.join(thread)).isTrue());
        over.set(true);
        cancellers.forEach(thread -> assertThat(Bounded.join(thread)).isTrue());
        awaitEnd(executor);
        assertThat(pending()).isZero();
        Set<Object> back = Collections.newSetFromMap(new IdentityHashMap<>());
        back.addAll(returned);
        assertThat(back).as("returned once").hasSameSizeAs(returned);
        for (int i = 0; i < tasks; i++) {
            Future<?> future = futures.get(i);
            if (future == null) {
                assertThat(runs.get(i)).isZero();
            } else if (!future.isCancelled()) {
                assertThat(runs.get(i)).isEqualTo(future.isDone() ? 1 : 0);
                assertThat(future.isDone()).isNotEqualTo(back.contains(future));
            }
        }
    }
}
