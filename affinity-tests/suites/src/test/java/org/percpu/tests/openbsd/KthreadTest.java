// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Kthread;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;

/** kthread_create and kthread_exit of OpenBSD. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KthreadTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @Rule({"OKT-2", "OKT-4", "KL-2"})
    @DisplayName(
            "OKT-2: a creator that holds the kernel lock finishes what it does before the function begins, under the lock")
    void theFunctionWaitsForTheKernelLock() {
        Kernel kernel = test.get();
        AtomicReference<String> name = new AtomicReference<>();
        AtomicReference<String> seen = new AtomicReference<>();
        AtomicReference<Thread> runner = new AtomicReference<>();
        AtomicInteger holds = new AtomicInteger();
        kernel.lock().lock();
        try {
            Kthread thread = Kthread.create(
                    kernel,
                    it -> {
                        holds.set(kernel.lock().holds());
                        runner.set(Thread.currentThread());
                        seen.set(it.get());
                        throw Kthread.exit(0);
                    },
                    name,
                    "okt2");
            int tid = thread.state().tid();
            Bounded.until("it waits for the lock", () -> Proc.state(tid) == 'S');
            assertThat(seen.get()).isNull();
            name.set("in place");
        } finally {
            kernel.lock().unlock();
        }
        Bounded.until("it ran", () -> seen.get() != null);
        assertThat(seen.get()).isEqualTo("in place");
        assertThat(holds.get()).isEqualTo(1);
        assertThat(runner.get().isDaemon()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "exactly15chars.", "sixteen chars ok", "100%d of %s", "two\nlines"})
    @Rule("OKT-3")
    @DisplayName("OKT-3: the name is plain text, not a format; Linux shows its first 15 characters")
    void theNameIsPlainText(String name) {
        CountDownLatch finish = new CountDownLatch(1);
        Kthread thread = Kthread.create(test.get(), Bounded::arrive, finish, name);
        assertThat(thread.name()).isEqualTo(name);
        assertThat(Proc.comm(thread.state().tid()))
                .isEqualTo(name.substring(0, Math.min(15, name.length())).replace('\n', '?'));
        finish.countDown();
    }

    @Test
    @Rule({"OKT-3", "G4"})
    @DisplayName("OKT-3: a name of 4000 characters with newlines does not break /proc and is kept")
    void newlinesInNamesAreHarmless() {
        String name = "a\nb\r\n\tc".repeat(572).substring(0, 4000);
        CountDownLatch finish = new CountDownLatch(1);
        Kthread thread = Kthread.create(test.get(), Bounded::arrive, finish, name);
        assertThat(thread.name()).isEqualTo(name);
        assertThat(thread.toString())
                .contains(name, Integer.toString(thread.state().tid()));
        assertThat(Proc.comm(thread.state().tid())).isEqualTo("a?b???ca?b???ca");
        finish.countDown();
    }

    @Test
    @Rule({"OKT-3", "OKT-6", "U17"})
    @DisplayName(
            "a null function, a null and an empty name are EINVAL, and a closed kernel is ESHUTDOWN; no thread is made")
    void badArgumentsAreRefused() {
        Kernel kernel = test.with(settings -> {});
        Refusal.of(Errno.EINVAL, () -> Kthread.create(kernel, null, null, "nofunc"))
                .contains("func");
        Refusal.of(Errno.EINVAL, () -> Kthread.create(kernel, arg -> {}, null, null))
                .contains("name");
        Refusal.of(Errno.EINVAL, () -> Kthread.create(kernel, arg -> {}, null, ""))
                .contains("empty");
        kernel.close();
        Refusal.of(Errno.ESHUTDOWN, () -> Kthread.create(kernel, arg -> {}, null, "late"))
                .contains("closed");
        assertThat(kernel.lwps()).isEmpty();
    }

    @Test
    @Rule({"OKT-4", "KL-7", "KL-2"})
    @DisplayName(
            "OKT-4: an MP-safe function drops the kernel lock and runs while others have it; it may exit with or without it")
    void anMpsafeFunctionDropsTheLock() {
        Kernel kernel = test.get();
        for (boolean retake : new boolean[] {true, false}) {
            CountDownLatch dropped = new CountDownLatch(1);
            CountDownLatch go = new CountDownLatch(1);
            AtomicInteger steps = new AtomicInteger();
            Kthread thread = Kthread.create(
                    kernel,
                    arg -> {
                        kernel.lock().unlock();
                        dropped.countDown();
                        Bounded.arrive(go);
                        steps.incrementAndGet();
                        if (retake) {
                            kernel.lock().lock();
                        }
                        throw Kthread.exit(0);
                    },
                    null,
                    "okt4");
            int tid = thread.state().tid();
            Bounded.arrive(dropped);
            kernel.lock().lock();
            try {
                go.countDown();
                Bounded.until("it runs without the lock", () -> steps.get() == 1);
            } finally {
                kernel.lock().unlock();
            }
            Bounded.until("it is gone", () -> !Proc.exists(tid));
            Bounded.run("takes the lock", () -> {
                kernel.lock().lock();
                kernel.lock().unlock();
            });
        }
    }

    @Test
    @Rule({"OKT-8", "S13", "S14"})
    @DisplayName("OKT-8, S13: exit does not return, runs finally blocks, and the thread is reaped without a join")
    void exitDoesNotReturn() {
        AtomicInteger after = new AtomicInteger();
        AtomicInteger unwound = new AtomicInteger();
        Kthread thread = Kthread.create(
                test.get(),
                arg -> {
                    try {
                        Error never = Kthread.exit(0);
                        after.incrementAndGet();
                        throw never;
                    } finally {
                        unwound.incrementAndGet();
                    }
                },
                null,
                "s13");
        int tid = thread.state().tid();
        Bounded.until("it is gone", () -> !Proc.exists(tid));
        Bounded.until("the kernel has forgotten it", () -> test.get().lwps().isEmpty());
        assertThat(after.get()).isZero();
        assertThat(unwound.get()).isEqualTo(1);
        assertThat(thread.state().alive()).isFalse();
        assertThat(thread.name()).isEqualTo("s13");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, -1, Integer.MAX_VALUE})
    @Rule("OKT-8")
    @DisplayName("OKT-8: an exit code other than 0 is printed once, with the thread's name and id")
    void aNonZeroCodeIsPrinted(int code) {
        List<String> console = test.expectConsole();
        Kthread thread = Kthread.create(
                test.get(),
                number -> {
                    throw Kthread.exit(number);
                },
                code,
                "coded");
        int tid = thread.state().tid();
        Bounded.until("it is gone", () -> test.get().lwps().isEmpty());
        assertThat(console).hasSize(1);
        assertThat(console.get(0)).contains("coded", Integer.toString(tid), Integer.toString(code));
    }

    @Test
    @Rule({"OKT-8", "U18"})
    @DisplayName("OKT-8, U18: exit on a thread that is no kthread is EPERM and names the thread")
    void exitOnAForeignThreadIsRefused() {
        test.get().lock().lock();
        Refusal.of(Errno.EPERM, () -> Kthread.exit(0))
                .contains(Thread.currentThread().getName());
        // An exit drops the kernel lock (KL-7), a refused one does not.
        assertThat(test.get().lock().holds()).isEqualTo(1);
        test.get().lock().unlock();
    }

    @Test
    @Rule({"OKT-7", "U19"})
    @DisplayName(
            "OKT-7, U19: a function that returns exits with 0; a strict kernel prints that, another prints nothing")
    void returningIsExiting() {
        List<String> console = test.expectConsole();
        for (boolean strict : new boolean[] {false, true}) {
            Kernel kernel = test.with(settings -> settings.strict(strict));
            Kthread.create(kernel, arg -> {}, null, "returns");
            Bounded.until("it is gone", () -> kernel.lwps().isEmpty());
            assertThat(console).hasSize(strict ? 1 : 0).allMatch(line -> line.contains("returns"));
        }
    }

    @Test
    @Rule({"OKT-7", "U20"})
    @DisplayName("U20: a function that throws is reported with the cause, the thread ends and the kernel lock is free")
    void aThrowingFunctionIsReported() {
        List<TestKernel.Fault> faults = test.expectFaults();
        Kthread.create(
                test.get(),
                arg -> {
                    test.get().lock().lock();
                    throw new IOException("disk");
                },
                null,
                "throws");
        Bounded.until("it is gone", () -> test.get().lwps().isEmpty());
        assertThat(faults).hasSize(1);
        assertThat(faults.get(0).queue()).isEqualTo("throws");
        assertThat(faults.get(0).thrown()).hasRootCauseMessage("disk");
        Bounded.run("takes the lock", () -> {
            test.get().lock().lock();
            test.get().lock().unlock();
        });
    }

    @Test
    @Rule({"OKT-1", "OKT-4"})
    @DisplayName("a kthread sees what its creator wrote, takes a null argument as null")
    void theArgumentArrives() {
        AtomicReference<Object> seen = new AtomicReference<>("nothing");
        CountDownLatch done = new CountDownLatch(1);
        Kthread.create(
                test.get(),
                arg -> {
                    seen.set(arg);
                    done.countDown();
                },
                null,
                "null");
        Bounded.arrive(done);
        assertThat(seen.get()).isNull();
        Bounded.until("it is gone", () -> test.get().lwps().isEmpty());
    }
}
