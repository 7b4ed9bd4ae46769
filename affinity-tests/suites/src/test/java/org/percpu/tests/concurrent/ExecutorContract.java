// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.concurrent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.lang.reflect.InvocationTargetException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.concurrent.CpuTask;
import org.percpu.kernel.KernelQueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.TestKernel;

/** What java.util.concurrent promises of executors and futures, for each executor of the library. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class ExecutorContract {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final List<ExecutorService> opened = new ArrayList<>();
    private @Nullable ExecutorService made;

    /** A new executor in the test's kernel. */
    abstract ExecutorService make(Thread.@Nullable UncaughtExceptionHandler handler);

    /** Closes an executor behind the test. */
    final synchronized <E extends ExecutorService> E closing(E executor) {
        opened.add(executor);
        return executor;
    }

    @AfterEach
    final void closeExecutors() {
        for (ExecutorService executor : opened) {
            Bounded.run("closes " + executor, ((AutoCloseable) executor)::close);
        }
    }

    /** The executor of the test. */
    final synchronized ExecutorService executor() {
        if (made == null) {
            made = make(null);
        }
        return made;
    }

    /** Where a test needs one worker, and tasks in order. */
    abstract ExecutorService single();

    /** A task that is running when this returns, until the latch is opened. */
    final Future<?> occupy(ExecutorService executor, CountDownLatch until) {
        CountDownLatch begun = new CountDownLatch(1);
        Future<?> future = executor.submit(() -> {
            begun.countDown();
            Bounded.arrive(until);
        });
        Bounded.arrive(begun);
        return future;
    }

    static <T> T get(Future<T> future) throws Exception {
        return future.get(Bounded.SECONDS, TimeUnit.SECONDS);
    }

    static void awaitEnd(ExecutorService executor) throws InterruptedException {
        assertThat(executor.awaitTermination(Bounded.SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(executor.isTerminated()).isTrue();
    }

    @Test
    @DisplayName(
            "what was written before a submit is visible to the task, and what the task wrote to whoever has its result")
    void happensBefore() throws Exception {
        int[] plain = new int[1];
        for (int i = 0; i < 1000; i++) {
            plain[0] = i;
            int expected = i;
            Future<Integer> future = executor().submit(() -> {
                assertThat(plain[0]).isEqualTo(expected);
                plain[0] = -expected;
                return expected;
            });
            assertThat(get(future)).isEqualTo(expected);
            assertThat(plain[0]).isEqualTo(-expected);
        }
    }

    @Test
    @DisplayName("submit takes callables, runnables with a result and without one")
    void submits() throws Exception {
        AtomicInteger ran = new AtomicInteger();
        assertThat(get(executor().submit(() -> "called"))).isEqualTo("called");
        assertThat(get(executor().submit((Runnable) ran::incrementAndGet, "result")))
                .isEqualTo("result");
        assertThat(executor().submit((Runnable) ran::incrementAndGet).get(Bounded.SECONDS, TimeUnit.SECONDS))
                .isNull();
        assertThat(executor().<@Nullable String>submit(() -> null).get(Bounded.SECONDS, TimeUnit.SECONDS))
                .isNull();
        assertThat(ran.get()).isEqualTo(2);
    }

    @Test
    @DisplayName("a task that throws: get() has its exception as the cause, errors too, and the worker goes on")
    void failures() throws Exception {
        Exception exception = new Exception("of the task");
        Error error = new AssertionError("of the task");
        Future<?> one = executor().submit(() -> {
            throw exception;
        });
        Future<?> two = executor().submit((Runnable) () -> {
            throw error;
        });
        assertThatThrownBy(() -> get(one))
                .isInstanceOf(ExecutionException.class)
                .hasCause(exception);
        assertThatThrownBy(() -> get(two))
                .isInstanceOf(ExecutionException.class)
                .hasCause(error);
        assertThat(one.isDone()).isTrue();
        assertThat(one.isCancelled()).isFalse();
        assertThat(one.cancel(true)).isFalse();
        assertThat(one.toString()).contains("completed exceptionally");
        assertThat(get(executor().submit(() -> 1))).isEqualTo(1);
    }

    @Test
    @DisplayName("null tasks are a NullPointerException")
    @SuppressWarnings("NullAway") // the point of the test
    void nulls() {
        List<Callable<Integer>> withNull = Arrays.asList(() -> 1, null);
        List<Callable<Integer>> nullFirst = Arrays.asList(null, () -> 1);
        for (Throwable thrown : Arrays.asList(
                catchThrowable(() -> executor().execute(null)),
                catchThrowable(() -> executor().submit((Runnable) null)),
                catchThrowable(() -> executor().submit((Callable<Object>) null)),
                catchThrowable(() -> executor().submit(null, "result")),
                catchThrowable(() -> executor().invokeAll(null)),
                catchThrowable(() -> executor().invokeAll(withNull)),
                catchThrowable(() -> executor().invokeAny(null)),
                catchThrowable(() -> executor().invokeAny(nullFirst)),
                catchThrowable(() -> executor().awaitTermination(1, null)),
                catchThrowable(() -> executor().submit(() -> 1).get(1, null)))) {
            assertThat(thrown).isInstanceOf(NullPointerException.class);
        }
        assertThatThrownBy(() -> executor().invokeAny(List.of())).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @DisplayName("cancel of a task that waits: it never runs, get() says so, and a second cancel is false")
    void cancelWaiting() throws Exception {
        ExecutorService executor = single();
        CountDownLatch release = new CountDownLatch(1);
        Future<?> first = occupy(executor, release);
        AtomicBoolean ran = new AtomicBoolean();
        Future<?> future = executor.submit(() -> ran.set(true));
        assertThat(future.isDone()).isFalse();
        assertThat(future.toString()).contains("not run");
        assertThat(future.cancel(false)).isTrue();
        assertThat(future.cancel(true)).isFalse();
        assertThat(future.isDone()).isTrue();
        assertThat(future.isCancelled()).isTrue();
        assertThatThrownBy(future::get).isInstanceOf(CancellationException.class);
        assertThatThrownBy(() -> future.get(0, TimeUnit.SECONDS)).isInstanceOf(CancellationException.class);
        release.countDown();
        get(first);
        get(executor.submit(() -> {}));
        assertThat(ran).isFalse();
    }

    @Test
    @DisplayName("cancel(true) interrupts the task that runs, and not the next one, which is there already")
    void cancelRunning() throws Exception {
        ExecutorService executor = single();
        for (int i = 0; i < 200; i++) {
            CountDownLatch begun = new CountDownLatch(1);
            AtomicReference<@Nullable String> end = new AtomicReference<>();
            Future<?> running = executor.submit(() -> {
                begun.countDown();
                try {
                    new CountDownLatch(1).await();
                    end.set("not interrupted");
                } catch (InterruptedException e) {
                    end.set("interrupted");
                }
            });
            Future<Boolean> next = executor.submit(() -> Thread.currentThread().isInterrupted());
            Bounded.arrive(begun);
            assertThat(running.cancel(true)).isTrue();
            assertThat(running.isCancelled()).isTrue();
            assertThatThrownBy(running::get).isInstanceOf(CancellationException.class);
            assertThat(get(next)).isFalse();
            assertThat(end.get()).isEqualTo("interrupted");
        }
    }

    @Test
    @DisplayName("a cancel(true) that comes as the task ends does not interrupt the next one")
    void cancelAtTheEnd() throws Exception {
        ExecutorService executor = single();
        AtomicInteger interrupted = new AtomicInteger();
        for (int i = 0; i < 3000; i++) {
            CountDownLatch begun = new CountDownLatch(1);
            Future<?> ending = executor.submit(begun::countDown);
            Future<?> next = executor.submit(() -> {
                for (int looks = 0; looks < 20; looks++) {
                    if (Thread.currentThread().isInterrupted()) {
                        interrupted.incrementAndGet();
                    }
                    Thread.onSpinWait();
                }
            });
            Bounded.arrive(begun);
            ending.cancel(true);
            get(next);
        }
        assertThat(interrupted.get()).isZero();
    }

    @Test
    @DisplayName("cancel(false) lets a task that runs go on, and drops its result")
    void cancelWithoutInterrupt() throws Exception {
        ExecutorService executor = single();
        CountDownLatch release = new CountDownLatch(1);
        CountDownLatch begun = new CountDownLatch(1);
        AtomicBoolean ended = new AtomicBoolean();
        Future<String> future = executor.submit(() -> {
            begun.countDown();
            Bounded.arrive(release);
            ended.set(true);
            return "result";
        });
        Bounded.arrive(begun);
        assertThat(future.cancel(false)).isTrue();
        assertThatThrownBy(future::get).isInstanceOf(CancellationException.class);
        release.countDown();
        get(executor.submit(() -> {}));
        assertThat(ended).isTrue();
        assertThat(future.isCancelled()).isTrue();
    }

    @Test
    @DisplayName("get() ends by a timeout and by an interrupt, and any number of threads may wait")
    void waits() throws Exception {
        ExecutorService executor = single();
        CountDownLatch release = new CountDownLatch(1);
        Future<?> future = occupy(executor, release);
        assertThatThrownBy(() -> future.get(1, TimeUnit.MILLISECONDS)).isInstanceOf(TimeoutException.class);
        assertThatThrownBy(() -> future.get(0, TimeUnit.NANOSECONDS)).isInstanceOf(TimeoutException.class);
        assertThatThrownBy(() -> future.get(-1, TimeUnit.DAYS)).isInstanceOf(TimeoutException.class);
        AtomicReference<@Nullable Thread> waiting = new AtomicReference<>();
        FutureTask<Boolean> interrupted = Bounded.startCode("waits", () -> {
            waiting.set(Thread.currentThread());
            assertThatThrownBy(future::get).isInstanceOf(InterruptedException.class);
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
        });
        Bounded.until("it waits", () -> {
            Thread thread = waiting.get();
            return thread != null && thread.getState() == Thread.State.WAITING;
        });
        Thread thread = waiting.get();
        assertThat(thread).isNotNull();
        thread.interrupt();
        assertThat(Bounded.join(interrupted)).isTrue();
        List<FutureTask<@Nullable Object>> waiters = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            waiters.add(Bounded.start("waits", () -> get(future)));
        }
        release.countDown();
        for (FutureTask<@Nullable Object> waiter : waiters) {
            assertThat(Bounded.join(waiter)).isNull();
        }
        Thread.currentThread().interrupt();
        assertThat(future.get()).isNull(); // it is done: nothing to wait for
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    @DisplayName("get() of a later task in a task of the same worker is EDEADLK, not a hang; so are the waits for all")
    void deadlock() throws Exception {
        ExecutorService executor = single();
        get(executor.submit(() -> {
            Future<?> later = executor.submit(() -> {});
            Refusal.of(Errno.EDEADLK, later::get).contains("waits for").contains("another thread");
            Refusal.of(Errno.EDEADLK, () -> later.get(1, TimeUnit.DAYS));
            assertThat(later.cancel(false)).isTrue();
            Refusal.of(Errno.EDEADLK, () -> executor.invokeAll(List.of(() -> 1)));
            Refusal.of(Errno.EDEADLK, () -> executor.invokeAny(List.of(() -> 1)));
            Refusal.of(Errno.EDEADLK, () -> executor.awaitTermination(1, TimeUnit.DAYS));
            Refusal.of(Errno.EDEADLK, ((AutoCloseable) executor)::close);
            Refusal.of(Errno.EDEADLK, () -> ((KernelQueue) executor).drainAndDestroy(Duration.ZERO));
            return null;
        }));
        AtomicReference<@Nullable Future<?>> self = new AtomicReference<>();
        CountDownLatch known = new CountDownLatch(1);
        Future<?> future = executor.submit(() -> {
            Bounded.arrive(known);
            Future<?> mine = self.get();
            assertThat(mine).isNotNull();
            Refusal.of(Errno.EDEADLK, mine::get);
        });
        self.set(future);
        known.countDown();
        get(future);
        assertThat(executor.isShutdown()).isFalse();
    }

    @Test
    @DisplayName("after shutdown tasks that were taken run, further ones are rejected, also those of its own tasks")
    void shutdown() throws Exception {
        ExecutorService executor = executor();
        CountDownLatch release = new CountDownLatch(1);
        AtomicInteger ran = new AtomicInteger();
        AtomicReference<@Nullable Throwable> inside = new AtomicReference<>();
        CountDownLatch begun = new CountDownLatch(1);
        executor.execute(() -> {
            begun.countDown();
            Bounded.arrive(release);
            inside.set(catchThrowable(() -> executor.execute(ran::incrementAndGet)));
        });
        Bounded.arrive(begun);
        for (int i = 0; i < 10; i++) {
            executor.execute(ran::incrementAndGet);
        }
        assertThat(executor.awaitTermination(0, TimeUnit.SECONDS)).isFalse();
        executor.shutdown();
        executor.shutdown();
        assertThat(executor.isShutdown()).isTrue();
        assertThat(executor.isTerminated()).isFalse();
        assertThat(executor.awaitTermination(1, TimeUnit.MILLISECONDS)).isFalse();
        assertThat(executor.awaitTermination(-1, TimeUnit.SECONDS)).isFalse();
        assertThat(executor.awaitTermination(Long.MIN_VALUE, TimeUnit.NANOSECONDS))
                .isFalse();
        assertThatThrownBy(() -> executor.execute(() -> {}))
                .isInstanceOf(RejectedExecutionException.class)
                .hasMessageContaining("shut down");
        assertThatThrownBy(() -> executor.submit(() -> 1)).isInstanceOf(RejectedExecutionException.class);
        assertThatThrownBy(() -> executor.invokeAll(List.of(() -> 1))).isInstanceOf(RejectedExecutionException.class);
        release.countDown();
        awaitEnd(executor);
        assertThat(ran.get()).isEqualTo(10);
        assertThat(inside.get()).isInstanceOf(RejectedExecutionException.class);
        assertThat(executor.shutdownNow()).isEmpty();
        assertThat(test.get().queues()).isEmpty();
    }

    @Test
    @DisplayName("awaitTermination ends by an interrupt")
    void interruptedAwait() {
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> executor().awaitTermination(1, TimeUnit.DAYS))
                .isInstanceOf(InterruptedException.class);
        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    @DisplayName(
            "shutdownNow returns what never ran, in order and without what was cancelled, and interrupts what runs")
    void shutdownNow() throws Exception {
        ExecutorService executor = single();
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
        List<Runnable> waiting = new ArrayList<>();
        AtomicInteger ran = new AtomicInteger();
        for (int i = 0; i < 5; i++) {
            Runnable command = ran::incrementAndGet;
            waiting.add(command);
            executor.execute(command);
        }
        Bounded.arrive(begun);
        for (int i = 0; i < 5; i++) {
            Runnable command = ran::incrementAndGet;
            waiting.add(command);
            executor.execute(command);
        }
        Future<Integer> future = executor.submit(ran::incrementAndGet);
        waiting.add((Runnable) future);
        assertThat(executor.submit(ran::incrementAndGet).cancel(false)).isTrue();
        CpuTask own = new CpuTask() {
            @Override
            public void run() {
                ran.incrementAndGet();
            }
        };
        waiting.add(own);
        executor.execute(own);

        assertThat(executor.shutdownNow()).containsExactlyElementsOf(waiting);
        assertThat(executor.shutdownNow()).isEmpty();
        awaitEnd(executor);
        assertThat(interrupted).isTrue();
        assertThat(ran.get()).isZero();
        assertThat(future.isDone()).isFalse();
        ((Runnable) future).run();
        assertThat(get(future)).isEqualTo(1);
        own.run();
        assertThat(ran.get()).isEqualTo(2);
    }

    @Test
    @DisplayName("shutdownNow may be called by a task, which is then interrupted")
    void shutdownNowInside() throws Exception {
        ExecutorService executor = single();
        CountDownLatch filled = new CountDownLatch(1);
        Future<List<Runnable>> future = executor.submit(() -> {
            Bounded.arrive(filled);
            List<Runnable> neverRun = executor.shutdownNow();
            assertThat(Thread.interrupted()).isTrue();
            return neverRun;
        });
        Runnable waiting = () -> {
            throw new AssertionError("it runs");
        };
        executor.execute(waiting);
        filled.countDown();
        assertThat(get(future)).containsExactly(waiting);
        awaitEnd(executor);
    }

    @Test
    @DisplayName("an idle executor terminates at once at a shutdown and at a shutdownNow")
    void idleEnds() throws Exception {
        executor().shutdown();
        awaitEnd(executor());
        ExecutorService other = make(null);
        assertThat(other.shutdownNow()).isEmpty();
        awaitEnd(other);
    }

    @Test
    @DisplayName("close() runs what was taken, also on Java 17; an interrupt makes it drop the rest, and is kept")
    void close() throws Exception {
        AtomicInteger ran = new AtomicInteger();
        try (AutoCloseable closing = (AutoCloseable) executor()) {
            assertThat(closing).isNotNull();
            for (int i = 0; i < 100; i++) {
                executor().execute(ran::incrementAndGet);
            }
        }
        assertThat(ran.get()).isEqualTo(100);
        assertThat(executor().isTerminated()).isTrue();
        ((AutoCloseable) executor()).close();

        ExecutorService other = make(null);
        CountDownLatch begun = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        other.execute(() -> {
            begun.countDown();
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                interrupted.set(true);
            }
        });
        Bounded.arrive(begun);
        Thread.currentThread().interrupt();
        ((AutoCloseable) other).close();
        assertThat(Thread.interrupted()).isTrue();
        assertThat(interrupted).isTrue();
        assertThat(other.isTerminated()).isTrue();
    }

    @Test
    @DisplayName("invokeAll has the results in order; over its time it cancels; invokeAny has the first success")
    void invokes() throws Exception {
        List<Callable<Integer>> tasks = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            int number = i;
            tasks.add(() -> {
                if (number == 7) {
                    throw new IllegalStateException("seven");
                }
                return number;
            });
        }
        List<Future<Integer>> futures = executor().invokeAll(tasks);
        assertThat(futures).hasSize(20).allMatch(Future::isDone);
        for (int i = 0; i < 20; i++) {
            Future<Integer> future = futures.get(i);
            if (i == 7) {
                assertThatThrownBy(future::get).hasRootCauseMessage("seven");
            } else {
                assertThat(future.get()).isEqualTo(i);
            }
        }
        assertThat(executor().invokeAll(Collections.<Callable<Integer>>emptyList()))
                .isEmpty();
        assertThat(executor().invokeAny(tasks.subList(7, 9))).isEqualTo(8);
        assertThatThrownBy(() -> executor().invokeAny(tasks.subList(7, 8)))
                .isInstanceOf(ExecutionException.class)
                .hasRootCauseMessage("seven");
        Callable<Integer> endless = () -> {
            new CountDownLatch(1).await();
            return 1;
        };
        List<Future<Integer>> late = executor().invokeAll(List.of(endless, endless), 10, TimeUnit.MILLISECONDS);
        assertThat(late).hasSize(2).allMatch(Future::isCancelled);
        assertThatThrownBy(() -> executor().invokeAny(List.of(endless), 10, TimeUnit.MILLISECONDS))
                .isInstanceOf(TimeoutException.class);
        assertThat(executor().invokeAny(tasks.subList(3, 4), Bounded.SECONDS, TimeUnit.SECONDS))
                .isEqualTo(3);
    }

    @Test
    @DisplayName(
            "an exception that leaves execute() goes to the handler of the builder, or to the kernel's; the worker goes on")
    void uncaught() throws Exception {
        AtomicReference<@Nullable Throwable> told = new AtomicReference<>();
        ExecutorService handled = make((thread, thrown) -> told.set(thrown));
        Error error = new AssertionError("left");
        handled.execute(() -> {
            throw error;
        });
        handled.shutdown();
        awaitEnd(handled);
        assertThat(told.get()).isSameAs(error);

        List<TestKernel.Fault> faults = test.expectFaults();
        AtomicReference<@Nullable Thread> thread = new AtomicReference<>();
        ExecutorService executor = single();
        executor.execute(() -> {
            thread.set(Thread.currentThread());
            throw new IllegalStateException("left");
        });
        assertThat(get(executor.submit(Thread::currentThread))).isSameAs(thread.get());
        assertThat(faults).extracting(fault -> fault.thrown().getMessage()).containsExactly("left");
    }

    @Test
    @DisplayName("a CpuTask is taken once until its run begins, and again from then on")
    void ownTasks() throws Exception {
        ExecutorService executor = single();
        AtomicInteger left = new AtomicInteger(100);
        CountDownLatch done = new CountDownLatch(1);
        CpuTask task = new CpuTask() {
            @Override
            public void run() {
                if (left.decrementAndGet() > 0) {
                    executor.execute(this);
                } else {
                    done.countDown();
                }
            }
        };
        CountDownLatch release = new CountDownLatch(1);
        Future<?> occupied = occupy(executor, release);
        assertThat(occupied.isDone()).isFalse();
        executor.execute(task);
        assertThatThrownBy(() -> executor.execute(task))
                .isInstanceOf(RejectedExecutionException.class)
                .hasMessageContaining("pending already");
        release.countDown();
        Bounded.arrive(done);
        assertThat(left.get()).isZero();
    }

    @Test
    @DisplayName("the kernel drains its executors when it is closed, and lists them until then")
    void endsWithTheKernel() throws Exception {
        ExecutorService executor = executor();
        assertThat(test.get().queues()).contains((KernelQueue) executor);
        AtomicInteger ran = new AtomicInteger();
        for (int i = 0; i < 100; i++) {
            executor.execute(ran::incrementAndGet);
        }
        test.get().close();
        assertThat(ran.get()).isEqualTo(100);
        assertThat(executor.isTerminated()).isTrue();
        assertThatThrownBy(() -> executor.execute(() -> {})).isInstanceOf(RejectedExecutionException.class);
        Refusal.of(Errno.ESHUTDOWN, () -> make(null));
    }

    @Test
    @DisplayName("drainAndDestroy returns the Runnables that had no time to run")
    void drains() throws Exception {
        ExecutorService executor = single();
        CountDownLatch release = new CountDownLatch(1);
        Future<?> running = occupy(executor, release);
        Runnable waiting = () -> {};
        executor.execute(waiting);
        List<?> dropped = ((KernelQueue) executor).drainAndDestroy(Duration.ofMillis(1));
        assertThat(dropped).hasSize(1).first().isSameAs(waiting);
        release.countDown();
        get(running);
        awaitEnd(executor);
        Refusal.of(Errno.EINVAL, () -> ((KernelQueue) executor).drainAndDestroy(Duration.ofMillis(-1)));
    }

    @Test
    @DisplayName("futures answer the questions of Java 19: state, resultNow and exceptionNow")
    void java19() throws Exception {
        Machine.skipUnless(Runtime.version().feature() >= 19, "Future.state came with Java 19");
        ExecutorService executor = single();
        CountDownLatch release = new CountDownLatch(1);
        Future<?> occupied = occupy(executor, release);
        assertThat(occupied.isDone()).isFalse();
        Future<String> good = executor.submit(() -> "good");
        Future<String> bad = executor.submit(() -> {
            throw new IllegalStateException("bad");
        });
        Future<String> cancelled = executor.submit(() -> "cancelled");
        assertThat(cancelled.cancel(false)).isTrue();
        assertThat(ask(good, "state")).hasToString("RUNNING");
        assertThatThrownBy(() -> ask(good, "resultNow")).isInstanceOf(IllegalStateException.class);
        release.countDown();
        assertThat(get(good)).isEqualTo("good");
        assertThatThrownBy(() -> get(bad)).isInstanceOf(ExecutionException.class);
        assertThat(ask(good, "state")).hasToString("SUCCESS");
        assertThat(ask(bad, "state")).hasToString("FAILED");
        assertThat(ask(cancelled, "state")).hasToString("CANCELLED");
        assertThat(ask(good, "resultNow")).isEqualTo("good");
        assertThat(ask(bad, "exceptionNow")).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> ask(bad, "resultNow")).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> ask(cancelled, "exceptionNow")).isInstanceOf(IllegalStateException.class);
    }

    private static Object ask(Future<?> future, String question) throws Exception {
        try {
            return Future.class.getMethod(question).invoke(future);
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof RuntimeException refusal ? refusal : e;
        }
    }
}
