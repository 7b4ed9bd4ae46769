// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.netbsd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.KernelThread;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;

/** kthread_create: flags, place, priority, name, argument, and what it refuses. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KthreadCreateTest {
    private static final int MPSAFE = Kthread.KTHREAD_MPSAFE;
    private static final int MUSTJOIN = Kthread.KTHREAD_MUSTJOIN;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final CountDownLatch end = new CountDownLatch(1);

    /** A thread that waits, without holding anything, until the test lets it end. */
    private Kthread waiting(int pri, int flags, Cpu cpu, String fmt, Object... args) {
        return Kthread.create(
                test.get(),
                pri,
                flags | MUSTJOIN,
                cpu,
                arg -> {
                    Bounded.arrive(end);
                    throw Kthread.exit(0);
                },
                null,
                fmt,
                args);
    }

    private void finish(Kthread thread) {
        end.countDown();
        thread.join();
    }

    @Test
    @Rule("NKT-1")
    @DisplayName("the flags have the numbers of the page")
    void flagsHaveTheNumbersOfThePage() {
        assertThat(Kthread.KTHREAD_IDLE).isEqualTo(0x01);
        assertThat(Kthread.KTHREAD_MPSAFE).isEqualTo(0x02);
        assertThat(Kthread.KTHREAD_INTR).isEqualTo(0x04);
        assertThat(Kthread.KTHREAD_TS).isEqualTo(0x08);
        assertThat(Kthread.KTHREAD_MUSTJOIN).isEqualTo(0x10);
    }

    @Test
    @Rule({"NKT-1", "G15"})
    @DisplayName("NKT-1: the function knows itself by current() though create has not returned yet")
    void theFunctionKnowsItself() {
        AtomicReference<Kthread> inside = new AtomicReference<>();
        AtomicReference<String> name = new AtomicReference<>();
        Kthread thread = Kthread.create(
                test.get(),
                Pri.PRI_NONE,
                MPSAFE | MUSTJOIN,
                null,
                arg -> {
                    inside.set(Kthread.current());
                    name.set(inside.get().name());
                    throw Kthread.exit(0);
                },
                null,
                "self");
        thread.join();
        assertThat(inside.get()).isSameAs(thread);
        assertThat(name.get()).isEqualTo("self");
        assertThat(Kthread.current()).isNull();
    }

    @Test
    @Rule({"NKT-1", "G15"})
    @DisplayName("NKT-1: a thread that hands itself to another before create has returned is itself there too")
    void theFunctionMayHandItselfOutBeforeCreateReturns() {
        Machine.needsCpus(2);
        Machine.needsRealtime();
        SynchronousQueue<Kthread> handOver = new SynchronousQueue<>();
        AtomicReference<Object> observed = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        CpuThread.builder("observer").cpu(test.cpu(1)).start(() -> {
            try {
                Kthread handed = handOver.poll(20, TimeUnit.SECONDS);
                observed.set(handed == null ? "nothing was handed over" : handed.name());
            } catch (InterruptedException | RuntimeException e) {
                observed.set(e);
            }
            done.countDown();
        });
        // The new thread is real-time on its creator's CPU: the creator cannot go on until the function sleeps or ends.
        CpuThread creator = CpuThread.builder("creator").cpu(test.cpu(0)).start(() -> {
            Kthread thread = Kthread.create(
                    test.get(),
                    Pri.PRI_NONE,
                    MPSAFE | MUSTJOIN,
                    test.cpu(0),
                    arg -> {
                        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(300);
                        boolean handed = false;
                        while (observed.get() == null && System.nanoTime() < deadline) {
                            handed = handed || handOver.offer(Kthread.current());
                        }
                        throw Kthread.exit(0);
                    },
                    null,
                    "early");
            thread.join();
        });
        Bounded.arrive(done);
        Bounded.until("the creator has joined", () -> !creator.thread().isAlive());
        assertThat(observed.get()).isEqualTo("early");
    }

    @Test
    @Rule({"NKT-1", "NKT-11"})
    @DisplayName(
            "NKT-11: create returns though the new thread is more urgent than its creator, on the same CPU, and waits for a join")
    void createReturnsThoughTheNewThreadPreemptsIt() {
        Machine.needsRealtime();
        AtomicReference<Kthread> created = new AtomicReference<>();
        CountDownLatch returned = new CountDownLatch(1);
        CpuThread.builder("creator").cpu(test.cpu(0)).start(() -> {
            created.set(Kthread.create(
                    test.get(),
                    Pri.PRI_NONE,
                    MPSAFE | MUSTJOIN,
                    test.cpu(0),
                    arg -> {
                        throw Kthread.exit(0);
                    },
                    null,
                    "urgent"));
            returned.countDown();
        });
        Bounded.arrive(returned);
        created.get().join();
    }

    @Test
    @Rule({"NKT-2", "G15"})
    @DisplayName("NKT-2: the argument arrives, null as null")
    void theArgumentArrives() {
        AtomicReference<Object> seen = new AtomicReference<>();
        Object argument = new Object();
        Kthread some = create(MPSAFE | MUSTJOIN, seen, argument);
        some.join();
        assertThat(seen.get()).isSameAs(argument);
        Kthread none = create(MPSAFE | MUSTJOIN, seen, null);
        none.join();
        assertThat(seen.get()).isNull();
    }

    private Kthread create(int flags, AtomicReference<Object> seen, Object argument) {
        return Kthread.create(
                test.get(),
                Pri.PRI_NONE,
                flags,
                null,
                arg -> {
                    seen.set(arg);
                    throw Kthread.exit(0);
                },
                argument,
                "argument");
    }

    @Test
    @Rule({"NKT-4", "U17"})
    @DisplayName("NKT-4: null function and name, empty names and bad formats are EINVAL; nothing is made")
    void nullArgumentsAreRefused() {
        Kernel kernel = test.get();
        Kthread.Function<Object> func = arg -> {};
        Refusal.of(Errno.EINVAL, () -> Kthread.create(kernel, -1, 0, null, null, null, "x"))
                .contains("func");
        Refusal.of(Errno.EINVAL, () -> Kthread.create(kernel, -1, 0, null, func, null, null))
                .contains("fmt");
        Refusal.of(Errno.EINVAL, () -> Kthread.create(kernel, -1, 0, null, func, null, ""))
                .contains("name");
        Refusal.of(Errno.EINVAL, () -> Kthread.create(kernel, -1, 0, null, func, null, "a%d", "b"))
                .contains("a%d");
        assertThat(catchThrowable(() -> Kthread.create(null, -1, 0, null, func, null, "x")))
                .isInstanceOfAny(NullPointerException.class, ErrnoException.class);
        assertThat(kernel.lwps()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "abc, abc",
        "fourteen_chars, fourteen_chars",
        "fifteen_charact, fifteen_charact",
        "sixteen_characte, sixteen_charact",
        "a_name_of_rather_more_than_forty_characters, a_name_of_rathe"
    })
    @Rule({"NKT-4", "G4"})
    @DisplayName("NKT-4: the kernel shows 15 characters of the name, the handle all of it")
    void namesAreCut(String name, String comm) {
        Kthread thread = waiting(Pri.PRI_NONE, MPSAFE, null, "%s", name);
        assertThat(thread.name()).isEqualTo(name);
        assertThat(Proc.comm(thread.state().tid())).isEqualTo(comm);
        finish(thread);
    }

    @Test
    @Rule("NKT-4")
    @DisplayName("NKT-4: the name is a format; one of 4000 characters with newlines is harmless")
    void theNameIsAFormat() {
        Kthread thread = waiting(Pri.PRI_NONE, MPSAFE, null, "unit%d-%s\n%s", 7, "x", "y".repeat(4000));
        assertThat(thread.name()).isEqualTo("unit7-x\n" + "y".repeat(4000));
        assertThat(Proc.comm(thread.state().tid())).isEqualTo("unit7-x?yyyyyyy");
        finish(thread);
    }

    @Test
    @Rule({"NKT-5", "KL-2"})
    @DisplayName("NKT-5, KL-2: the function starts holding the kernel lock once, with KTHREAD_MPSAFE not at all")
    void theFunctionStartsWithTheKernelLock() {
        for (int flags : List.of(0, MPSAFE)) {
            AtomicReference<Integer> holds = new AtomicReference<>();
            Kthread thread = Kthread.create(
                    test.get(),
                    Pri.PRI_NONE,
                    flags | MUSTJOIN,
                    null,
                    arg -> {
                        holds.set(test.get().lock().holds());
                        throw Kthread.exit(0);
                    },
                    null,
                    "locked");
            thread.join();
            assertThat(holds.get()).isEqualTo(flags == 0 ? 1 : 0);
        }
    }

    @Test
    @Rule({"NKT-5", "NKT-8"})
    @DisplayName("NKT-5: no usable signal is blocked in a new thread beyond what a plain Java thread blocks")
    void noSignalIsBlocked() {
        AtomicReference<Long> plain = new AtomicReference<>();
        Bounded.run("plain", () -> plain.set(Proc.signalsBlocked(Machine.linux().gettid())));
        Kthread thread = waiting(Pri.PRI_NONE, MPSAFE, null, "signals");
        assertThat(Proc.signalsBlocked(thread.state().tid())).isEqualTo(plain.get());
        finish(thread);
    }

    @Test
    @Rule("NKT-7")
    @DisplayName("NKT-7: a thread made for a CPU is bound to it by the kernel's word, and runs there")
    void aBoundThreadIsBound() {
        for (Cpu cpu : test.get().cpus()) {
            AtomicReference<Integer> ranOn = new AtomicReference<>();
            AtomicReference<CpuSet> mask = new AtomicReference<>();
            Kthread thread = Kthread.create(
                    test.get(),
                    Pri.PRI_NONE,
                    MPSAFE | MUSTJOIN,
                    cpu,
                    arg -> {
                        ranOn.set(Affinity.currentCpu());
                        mask.set(Proc.allowed(Machine.linux().gettid()));
                        throw Kthread.exit(0);
                    },
                    null,
                    "bound%d",
                    cpu.id());
            thread.join();
            assertThat(ranOn.get()).isEqualTo(cpu.id());
            assertThat(mask.get()).isEqualTo(CpuSet.of(cpu.id()));
        }
    }

    @Test
    @Rule("NKT-8")
    @DisplayName("NKT-8: a thread made for no CPU may use all of the kernel's, also if its creator is pinned")
    void anUnboundThreadMayRunAnywhere() {
        AtomicReference<CpuSet> mask = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        CpuThread creator = CpuThread.builder("creator").cpu(test.cpu(0)).start(() -> {
            Kthread thread = waiting(Pri.PRI_NONE, MPSAFE, null, "free");
            mask.set(Proc.allowed(thread.state().tid()));
            finish(thread);
            done.countDown();
        });
        Bounded.arrive(done);
        assertThat(creator.awaitGone(Duration.ofSeconds(10))).isTrue();
        assertThat(mask.get())
                .isEqualTo(
                        CpuSet.of(test.get().cpus().stream().mapToInt(Cpu::id).toArray()));
    }

    @Test
    @Rule({"NKT-4", "G4"})
    @DisplayName("NKT-4: a name of 4000 characters with newlines does not break /proc and is kept")
    void newlinesInNamesAreHarmless() {
        String name = "a\nb\r\n\tc".repeat(572).substring(0, 4000);
        Kthread thread = waiting(Pri.PRI_NONE, MPSAFE, null, name);
        assertThat(thread.name()).isEqualTo(name);
        assertThat(thread.toString())
                .contains(name, Integer.toString(thread.state().tid()));
        assertThat(Proc.comm(thread.state().tid())).isEqualTo("a?b???ca?b???ca");
        finish(thread);
    }

    @Test
    @Rule({"NKT-7", "U17", "U3"})
    @DisplayName("U17: a CPU that the kernel does not have is EINVAL and names it")
    void anUnknownCpuIsRefused() {
        Machine.needsCpus(2);
        Cpu outside = test.cpu(0);
        Kernel small = test.with(settings -> settings.cpus(CpuSet.of(test.cpu(1).id())));
        Refusal.of(Errno.EINVAL, () -> Kthread.create(small, -1, 0, outside, arg -> {}, null, "outside"))
                .contains(outside.toString(), "outside");
        assertThat(small.lwps()).isEmpty();
    }

    @ParameterizedTest(name = "priority {0}, flags {1}: {2} {3} nice {4}")
    @CsvSource({
        "-1, 0, SCHED_RR, 18, 0",
        "96, 0, SCHED_RR, 18, 0",
        "0, 0, SCHED_RR, 1, 0",
        "63, 0, SCHED_RR, 1, 0",
        "64, 0, SCHED_RR, 1, 0",
        "192, 0, SCHED_RR, 71, 0",
        "223, 0, SCHED_RR, 88, 0",
        "-1, 8, SCHED_OTHER, 0, 0",
        "63, 8, SCHED_OTHER, 0, 0",
        "0, 8, SCHED_OTHER, 0, 19",
        "223, 8, SCHED_OTHER, 0, 0",
        "-1, 6, SCHED_FIFO, 90, 0",
        "223, 6, SCHED_FIFO, 95, 0"
    })
    @Rule({"NKT-1", "G5"})
    @DisplayName("PRI_NONE is 96 and fixed, with KTHREAD_TS 63 and time-sharing; KTHREAD_INTR is above all others")
    void thePriorityChoosesClassAndLevel(int pri, int flags, String policy, int rtPriority, int nice) {
        if (rtPriority > 0) {
            Machine.needsRealtime();
        }
        Kthread thread = waiting(pri, flags | MPSAFE, null, "class");
        Sched sched = Proc.sched(thread.state().tid());
        assertThat(sched.policyName()).isEqualTo(policy);
        assertThat(sched.rtPriority()).isEqualTo(rtPriority);
        assertThat(sched.nice()).isEqualTo(nice);
        assertThat(thread.state().denial()).isNull();
        finish(thread);
    }

    @ParameterizedTest
    @ValueSource(ints = {-2, 224, Integer.MIN_VALUE, Integer.MAX_VALUE})
    @Rule("U17")
    @DisplayName("U17: a priority outside -1 to 223 is EINVAL and names it")
    void prioritiesOutOfRangeAreRefused(int pri) {
        Refusal.of(Errno.EINVAL, () -> Kthread.create(test.get(), pri, 0, null, arg -> {}, null, "pri"))
                .contains(Integer.toString(pri));
        assertThat(test.get().lwps()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0x20, 0x40000000, 0x80000000, -1})
    @Rule({"U17", "G23"})
    @DisplayName("U17: unknown flag bits are EINVAL")
    void unknownFlagBitsAreRefused(int flags) {
        Refusal.of(Errno.EINVAL, () -> Kthread.create(test.get(), -1, flags, null, arg -> {}, null, "flags"))
                .contains("flag bits 0x");
        assertThat(test.get().lwps()).isEmpty();
    }

    @Test
    @Rule("U17")
    @DisplayName("U17: KTHREAD_INTR without KTHREAD_MPSAFE is EINVAL and says what is missing")
    void interruptThreadsMustBeMpsafe() {
        Refusal.of(
                        Errno.EINVAL,
                        () -> Kthread.create(test.get(), -1, Kthread.KTHREAD_INTR, null, arg -> {}, null, "intr"))
                .contains("KTHREAD_MPSAFE");
        assertThat(test.get().lwps()).isEmpty();
    }

    @Test
    @Rule("U12")
    @DisplayName("U12: every library sleep in a KTHREAD_INTR thread is EPERM, create and join too")
    void interruptThreadsMustNotSleep() {
        Kernel kernel = test.get();
        AtomicReference<List<Throwable>> thrown = new AtomicReference<>();
        Kthread other = waiting(Pri.PRI_NONE, MPSAFE, null, "other");
        CountDownLatch done = new CountDownLatch(1);
        Kthread.create(
                kernel,
                Pri.PRI_NONE,
                MPSAFE | Kthread.KTHREAD_INTR,
                null,
                arg -> {
                    thrown.set(List.of(
                            catchThrowable(() -> kernel.sleepq().tsleep("ident", "intr", 1)),
                            catchThrowable(() -> kernel.sleeping("intr", () -> null)),
                            catchThrowable(other::join),
                            catchThrowable(() -> Kthread.create(kernel, -1, MPSAFE, null, a -> {}, null, "child"))));
                    done.countDown();
                    throw Kthread.exit(0);
                },
                null,
                "intr");
        Bounded.arrive(done);
        assertThat(thrown.get()).hasSize(4).allSatisfy(t -> assertThat(((ErrnoException) t).errno())
                .isEqualTo(Errno.EPERM));
        assertThat(kernel.lwps()).extracting(KernelThread::name).doesNotContain("child");
        // The refused join was no join.
        finish(other);
    }

    @Test
    @Rule("NKT-3")
    @DisplayName("create on a closed kernel is ESHUTDOWN")
    void createOnAClosedKernelIsRefused() {
        Kernel kernel = test.with(settings -> {});
        kernel.close();
        Refusal.of(Errno.ESHUTDOWN, () -> Kthread.create(kernel, -1, MPSAFE, null, arg -> {}, null, "late"));
        assertThat(kernel.lwps()).isEmpty();
    }
}
