// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** kthread_exit and kthread_join. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KthreadExitTest {
    private static final int MPSAFE = Kthread.KTHREAD_MPSAFE;
    private static final int MUSTJOIN = Kthread.KTHREAD_MUSTJOIN;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Kthread create(int flags, String name, Kthread.Function<Object> func) {
        return Kthread.create(test.get(), Pri.PRI_NONE, flags, null, func, null, name);
    }

    @Test
    @Rule({"NKT-6", "U19"})
    @DisplayName(
            "NKT-6, U19: a function that returns is taken as kthread_exit(0), and a strict kernel reports it by name")
    void aFunctionThatReturnsExits() {
        List<String> console = test.expectConsole();
        Kernel strict = test.with(settings -> settings.strict(true));
        Kthread thread = Kthread.create(strict, Pri.PRI_NONE, MPSAFE | MUSTJOIN, null, arg -> {}, null, "returns");
        thread.join();
        assertThat(console).singleElement().asString().contains("returns", "returned");

        console.clear();
        Kernel lenient = test.with(settings -> {});
        Kthread.create(lenient, Pri.PRI_NONE, MPSAFE | MUSTJOIN, null, arg -> {}, null, "returns")
                .join();
        assertThat(console).isEmpty();
    }

    @Test
    @Rule({"NKT-6", "U20", "U19"})
    @DisplayName("U20: a function that throws is reported to the fault handler, and the thread can be joined")
    void aFunctionThatThrowsIsReported() {
        List<TestKernel.Fault> faults = test.expectFaults();
        RuntimeException unchecked = new IllegalStateException("unchecked");
        Exception checked = new Exception("checked");
        create(MUSTJOIN, "throws", arg -> {
                    throw unchecked;
                })
                .join();
        create(MUSTJOIN, "throws-checked", arg -> {
                    throw checked;
                })
                .join();
        assertThat(faults).hasSize(2);
        assertThat(faults.get(0).queue()).isEqualTo("throws");
        assertThat(faults.get(0).thrown()).isSameAs(unchecked);
        assertThat(faults.get(1).thrown()).hasRootCauseMessage("checked");
        lockIsFree();
    }

    @Test
    @Rule({"NKT-9", "S13"})
    @DisplayName("NKT-9, S13: exit does not return, and finally blocks run on the way out")
    void exitDoesNotReturn() {
        AtomicInteger value = new AtomicInteger();
        AtomicBoolean cleanedUp = new AtomicBoolean();
        Kthread thread = create(MPSAFE | MUSTJOIN, "exits", arg -> {
            try {
                Error unreachable = Kthread.exit(0);
                value.set(1);
                throw unreachable;
            } finally {
                cleanedUp.set(true);
            }
        });
        thread.join();
        assertThat(value.get()).isZero();
        assertThat(cleanedUp).isTrue();
    }

    @Test
    @Rule({"NKT-9", "U18"})
    @DisplayName("NKT-9, U18: exit on a thread that is no kernel thread is EPERM and names it")
    void onlyAKernelThreadExits() {
        test.get().lock().lock();
        Refusal.of(Errno.EPERM, () -> {
                    throw Kthread.exit(0);
                })
                .contains(Thread.currentThread().getName());
        // An exit drops the kernel lock (KL-7), a refused one does not.
        assertThat(test.get().lock().holds()).isEqualTo(1);
        test.get().lock().unlock();
    }

    @Test
    @Rule({"NKT-10", "G18"})
    @DisplayName("NKT-10: a code other than 0 is printed once, with name, id and code; 0 is not")
    void theExitCodeIsPrinted() {
        List<String> console = test.expectConsole();
        Kthread bad = create(MPSAFE | MUSTJOIN, "bad", arg -> {
            throw Kthread.exit(42);
        });
        int tid = bad.state().tid();
        bad.join();
        Kthread good = create(MPSAFE | MUSTJOIN, "good", arg -> {
            throw Kthread.exit(0);
        });
        good.join();
        Kthread negative = create(MPSAFE | MUSTJOIN, "negative", arg -> {
            throw Kthread.exit(-1);
        });
        negative.join();
        assertThat(console).hasSize(2);
        assertThat(console.get(0)).contains("bad", Integer.toString(tid), "42");
        assertThat(console.get(1)).contains("negative", "-1");
    }

    @Test
    @Rule({"NKT-11", "NKT-18"})
    @DisplayName("NKT-11, NKT-18: a MUSTJOIN thread waits in its exit until it is joined, however late")
    void aMustJoinThreadWaitsForItsJoin() {
        CountDownLatch leaving = new CountDownLatch(1);
        Kthread thread = create(MPSAFE | MUSTJOIN, "waits", arg -> {
            leaving.countDown();
            throw Kthread.exit(0);
        });
        Bounded.arrive(leaving);
        int tid = thread.state().tid();
        Bounded.until("it sleeps in its exit", () -> Proc.state(tid) == 'S');
        assertThat(test.get().lwps()).hasSize(1);
        thread.join();
        Bounded.until("it is gone", () -> !Proc.exists(tid));
    }

    @Test
    @Rule({"NKT-14", "NKT-18"})
    @DisplayName("NKT-14, NKT-18: a join that comes before the exit sleeps until it")
    void aJoinMayComeFirst() {
        CountDownLatch go = new CountDownLatch(1);
        AtomicBoolean done = new AtomicBoolean();
        Kthread thread = create(MPSAFE | MUSTJOIN, "later", arg -> {
            Bounded.arrive(go);
            done.set(true);
            throw Kthread.exit(0);
        });
        FutureTask<Boolean> joiner = Bounded.startCode("joiner", thread::join);
        assertThat(joiner.isDone()).isFalse();
        go.countDown();
        Bounded.join(joiner);
        assertThat(done).isTrue();
    }

    @Test
    @Rule({"NKT-12", "NKT-17"})
    @DisplayName("NKT-12: after join nothing of the function runs; what it wrote is visible; the state is the last one")
    void afterJoinNothingRuns() {
        for (int round = 0; round < 500; round++) {
            int[] data = new int[2];
            Kthread thread = create(MUSTJOIN, "done", arg -> {
                try {
                    data[0] = 1;
                    throw Kthread.exit(0);
                } finally {
                    data[1] = 2;
                }
            });
            thread.join();
            assertThat(data).containsExactly(1, 2);
        }
    }

    @Test
    @Rule({"NKT-13", "KL-7"})
    @DisplayName("NKT-13, KL-7: exit drops every hold of the kernel lock, also three")
    void exitDropsTheKernelLock() {
        Kthread thread = create(MUSTJOIN, "holder", arg -> {
            test.get().lock().lock();
            test.get().lock().lock();
            assertThat(test.get().lock().holds()).isEqualTo(3);
            throw Kthread.exit(0);
        });
        Bounded.until("it waits for its join", () -> Proc.state(thread.state().tid()) == 'S');
        lockIsFree();
        thread.join();
        lockIsFree();
    }

    private void lockIsFree() {
        Bounded.run("takes the kernel lock", () -> {
            test.get().lock().lock();
            test.get().lock().unlock();
        });
    }

    @Test
    @Rule({"NKT-15", "G16"})
    @DisplayName("NKT-15: a join of a long-running thread does not delay another join")
    void joinsDoNotWaitForEachOther() {
        CountDownLatch end = new CountDownLatch(1);
        Kthread slow = create(MPSAFE | MUSTJOIN, "slow", arg -> {
            Bounded.arrive(end);
            throw Kthread.exit(0);
        });
        FutureTask<Boolean> slowJoin = Bounded.startCode("slow joiner", slow::join);
        Kthread quick = create(MPSAFE | MUSTJOIN, "quick", arg -> {
            throw Kthread.exit(0);
        });
        Bounded.run("quick joiner", quick::join);
        assertThat(slowJoin.isDone()).isFalse();
        end.countDown();
        Bounded.join(slowJoin);
    }

    @Test
    @Rule({"NKT-16", "U15", "G16"})
    @DisplayName("NKT-16, U15: joining a thread made without MUSTJOIN is EINVAL and it runs on")
    void onlyMustJoinThreadsCanBeJoined() {
        CountDownLatch end = new CountDownLatch(1);
        CountDownLatch ended = new CountDownLatch(1);
        Kthread thread = create(MPSAFE, "free", arg -> {
            Bounded.arrive(end);
            ended.countDown();
            throw Kthread.exit(0);
        });
        Refusal.of(Errno.EINVAL, thread::join).contains("free", "KTHREAD_MUSTJOIN");
        assertThat(Proc.exists(thread.state().tid())).isTrue();
        end.countDown();
        Bounded.arrive(ended);
    }

    @Test
    @Rule({"NKT-16", "NKT-17", "U15", "G16"})
    @DisplayName("NKT-16, NKT-17: of two joins one succeeds, the other is ESRCH")
    void aThreadIsJoinedOnce() {
        CountDownLatch end = new CountDownLatch(1);
        Kthread thread = create(MPSAFE | MUSTJOIN, "once", arg -> {
            Bounded.arrive(end);
            throw Kthread.exit(0);
        });
        FutureTask<Throwable> one = Bounded.start("joiner 1", () -> catchThrowable(thread::join));
        FutureTask<Throwable> two = Bounded.start("joiner 2", () -> catchThrowable(thread::join));
        Bounded.until("one was refused", () -> one.isDone() || two.isDone());
        end.countDown();
        Throwable first = Bounded.join(one);
        Throwable second = Bounded.join(two);
        assertThat(first == null).isNotEqualTo(second == null);
        assertThat(((ErrnoException) (first == null ? second : first)).errno()).isEqualTo(Errno.ESRCH);
        Refusal.of(Errno.ESRCH, thread::join).contains("once");
    }

    @Test
    @Rule({"NKT-16", "U5", "U15", "G16"})
    @DisplayName("U5: a thread that joins itself gets EDEADLK and can still be joined by another")
    void joiningOneselfIsADeadlock() {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Kthread thread = create(MPSAFE | MUSTJOIN, "narcissus", arg -> {
            thrown.set(catchThrowable(() -> Kthread.current().join()));
            throw Kthread.exit(0);
        });
        thread.join();
        assertThat(((ErrnoException) thrown.get()).errno()).isEqualTo(Errno.EDEADLK);
        assertThat(thrown.get()).hasMessageContaining("narcissus");
    }

    @Test
    @Rule({"KL-3", "NKT-14"})
    @DisplayName("KL-3: join drops the kernel lock while it waits and has the same number of holds after it")
    void joinDropsTheKernelLock() {
        Kernel kernel = test.get();
        Bounded.run("joiner", () -> {
            kernel.lock().lock();
            kernel.lock().lock();
            Kthread thread = create(MUSTJOIN, "needs-lock", arg -> {
                throw Kthread.exit(0);
            });
            thread.join();
            assertThat(kernel.lock().holds()).isEqualTo(2);
            kernel.lock().unlock();
            kernel.lock().unlock();
        });
    }

    @Test
    @Rule({"NKT-14", "U15"})
    @DisplayName("an interrupted caller joins to the end and is still interrupted after it")
    void anInterruptDoesNotEndAJoin() {
        CountDownLatch end = new CountDownLatch(1);
        Kthread thread = create(MPSAFE | MUSTJOIN, "calm", arg -> {
            Bounded.arrive(end);
            throw Kthread.exit(0);
        });
        CountDownLatch interrupted = new CountDownLatch(1);
        FutureTask<Boolean> joiner = Bounded.start("joiner", () -> {
            Thread.currentThread().interrupt();
            interrupted.countDown();
            thread.join();
            return Thread.interrupted();
        });
        Bounded.arrive(interrupted);
        assertThat(joiner.isDone()).isFalse();
        end.countDown();
        assertThat(Bounded.join(joiner)).isTrue();
    }

    @Test
    @Rule({"U16", "G24"})
    @DisplayName("U16: a MUSTJOIN thread that nobody joined is let go and reported when the kernel is closed")
    void aForgottenThreadIsReportedAtClose() {
        List<String> console = test.expectConsole();
        Kernel kernel = test.with(settings -> {});
        Kthread.create(
                kernel,
                Pri.PRI_NONE,
                MPSAFE | MUSTJOIN,
                null,
                arg -> {
                    throw Kthread.exit(0);
                },
                null,
                "forgotten");
        Bounded.until(
                "it waits in its exit", () -> Proc.state(kernel.lwps().get(0).tid()) == 'S');
        kernel.close();
        Bounded.until("it is gone", () -> kernel.lwps().isEmpty());
        assertThat(console).singleElement().asString().contains("forgotten", "joined");
    }
}
