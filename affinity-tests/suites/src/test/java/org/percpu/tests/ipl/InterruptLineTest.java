// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.bindings.spi.PercpuException;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.ipl.SplSupport;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Scale;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

@Timeout(120)
class InterruptLineTest {
    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    private final LinuxCalls linux = Machine.linux();

    @BeforeEach
    void library() {
        Levels.needLibrary();
    }

    private void send(int signal, long value) {
        assertThat(linux.sigqueue(linux.getpid(), signal, value)).isZero();
    }

    @Test
    void triggerFromJavaWakesTheInterruptThreadOfTheCpu() {
        Receiver receiver = kernels.get().interrupts(kernels.lastCpu());
        assertThat(kernels.get().interrupts(kernels.lastCpu())).isSameAs(receiver);
        List<String> ran = new CopyOnWriteArrayList<>();
        CountDownLatch done = new CountDownLatch(2);
        InterruptLine line = InterruptLine.establish(receiver, "rx", Ipl.VM, value -> {
            ran.add(value + "@" + Spl.current().level() + " on " + linux.sched_getcpu() + " "
                    + Spl.current().inInterrupt());
            done.countDown();
        });
        assertThat(line.trigger(1)).isTrue();
        assertThat(line.trigger(2)).isTrue();
        Bounded.arrive(done);
        int cpu = kernels.lastCpu().id();
        assertThat(ran).containsExactly("1@VM on " + cpu + " true", "2@VM on " + cpu + " true");
        line.close();
    }

    @Test
    void signalOfThisProcessReachesTheReceiverWhicheverThreadTakesIt() {
        try (Levels.Waiting receiver = new Levels.Waiting()) {
            AtomicLong sum = new AtomicLong();
            InterruptLine line = InterruptLine.establish(receiver.receiver, "ext", Ipl.AUDIO, sum::addAndGet);
            int signal = line.signal();
            assertThat(line.signal()).isEqualTo(signal);
            long expected = 0;
            for (int i = 1; i <= 2_000; i++) {
                send(signal, i);
                expected += i;
            }
            long all = expected;
            Bounded.until("all values have arrived", () -> sum.get() == all);
            assertThat(line.state().handled()).isEqualTo(2_000);
            assertThat(line.state().lost()).isZero();
            line.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 3: signals that come while masked are all delivered in order when the level falls")
    void maskedSignalsArriveWhenTheLevelFalls(SplMode mode) {
        Levels.on(mode, spl -> {
            List<String> ran = new ArrayList<>();
            InterruptLine vm = Levels.recording(Receiver.current(), Ipl.VM, ran);
            InterruptLine audio = Levels.recording(Receiver.current(), Ipl.AUDIO, ran);
            long self = linux.pthread_self();
            int vmSignal = vm.signal();
            int audioSignal = audio.signal();
            int tid = linux.gettid();
            int none = spl.splvm();
            for (int i = 0; i < 3; i++) {
                assertThat(linux.pthread_sigqueue(self, vmSignal, 10 + i)).isZero();
            }
            assertThat(ran).isEmpty();
            assertThat(Proc.signalsBlocked(tid) & (1L << (vmSignal - 1)))
                    .as("blocked: by the level or by the handler")
                    .isNotZero();
            assertThat(Receiver.current().deferrals() > 0).isEqualTo(mode == SplMode.LAZY);
            int vmLevel = spl.splhigh();
            assertThat(linux.pthread_sigqueue(self, audioSignal, 99)).isZero();
            spl.splx(vmLevel);
            assertThat(ran).containsExactly("AUDIO=99@AUDIO");
            spl.splx(none);
            assertThat(ran).containsExactly("AUDIO=99@AUDIO", "VM=10@VM", "VM=11@VM", "VM=12@VM");
            assertThat(Proc.signalsBlocked(tid) & SplSupport.mask(Ipl.HIGH)).isZero();
            vm.close();
            audio.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    void moreSignalsThanTheRingHoldsWaitInTheKernel(SplMode mode) {
        Levels.on(mode, spl -> {
            long[] next = {0};
            InterruptLine line = InterruptLine.establish(Receiver.current(), "flood", Ipl.VM, value -> {
                assertThat(value).isEqualTo(next[0]);
                next[0]++;
            });
            int signal = line.signal();
            long self = linux.pthread_self();
            int many = 3 * InterruptLine.MAX_VALUES;
            for (int i = 0; i < many; i++) {
                assertThat(linux.pthread_sigqueue(self, signal, i)).isZero();
            }
            assertThat(next[0]).isZero();
            assertThat(spl.poll()).isPositive();
            assertThat(next[0]).isEqualTo(many);
            assertThat(line.state().spills()).isPositive();
            assertThat(line.state().lost()).isZero();
            line.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    void signalsForAWorkThatDoesNotRunWaitInTheKernelWhateverTheLevelDoes(SplMode mode) {
        AtomicLong next = new AtomicLong();
        Semaphore gate = new Semaphore(0);
        NativeWork[] handle = new NativeWork[1];
        Workqueue<Packet> wq = queueOf("stalled", Ipl.VM, () -> {
            Bounded.acquire(gate, 1);
            int drained = handle[0].drain(value -> assertThat(value).isEqualTo(next.getAndIncrement()));
            assertThat(drained).isNotNegative();
        });
        NativeWork work = wq.nativeWork(new Packet(), null);
        handle[0] = work;
        int many = 3 * NativeWork.MAX_VALUES;
        Levels.on(mode, spl -> {
            InterruptLine line = InterruptLine.establish(Receiver.current(), "stalled", Ipl.VM, work);
            int signal = line.signal();
            long self = linux.pthread_self();
            for (int i = 0; i < many; i++) {
                assertThat(linux.pthread_sigqueue(self, signal, i)).isZero();
            }
            for (int i = 0; i < 2 * NativeWork.MAX_VALUES; i++) {
                int s = spl.splhigh();
                spl.splx(s);
            }
            assertThat(line.state().received()).isEqualTo(NativeWork.MAX_VALUES);
            assertThat(work.post(-1)).isEqualTo(-Errno.EAGAIN.number());
            gate.release(many);
            while (next.get() < many) {
                int ran = spl.poll();
                assertThat(ran).isZero();
            }
            assertThat(line.state().lost()).isZero();
            assertThat(line.state().spills()).isPositive();
            line.close();
        });
        work.close();
        wq.destroy();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Bad input: what the kernel keeps of a closed line does not reach the next one that gets its signal")
    void closedLineLeavesNoSignalsBehind(SplMode mode) {
        Levels.on(mode, spl -> {
            long[] sum = {0};
            int many = 2 * InterruptLine.MAX_VALUES;
            InterruptLine first = InterruptLine.establish(Receiver.current(), "first", Ipl.AUDIO, value -> {});
            int signal = first.signal();
            long before = SplSupport.straySignals();
            for (int i = 0; i < many; i++) {
                assertThat(linux.pthread_sigqueue(linux.pthread_self(), signal, 1))
                        .isZero();
            }
            assertThat(first.state().received()).isEqualTo(InterruptLine.MAX_VALUES);
            first.close();
            assertThat(spl.poll()).isZero();
            assertThat(SplSupport.straySignals() - before).isZero();
            InterruptLine second =
                    InterruptLine.establish(Receiver.current(), "second", Ipl.AUDIO, value -> sum[0] += value);
            assertThat(second.signal()).isEqualTo(signal);
            assertThat(linux.pthread_sigqueue(linux.pthread_self(), signal, 5)).isZero();
            assertThat(spl.poll()).isEqualTo(1);
            assertThat(sum[0]).isEqualTo(5);
            second.close();
        });
    }

    @Test
    void timerTriggersTheLineAgainAndAgain() {
        try (Levels.Waiting receiver = new Levels.Waiting()) {
            CountDownLatch ticks = new CountDownLatch(20);
            List<Long> values = new CopyOnWriteArrayList<>();
            InterruptLine line = InterruptLine.establish(receiver.receiver, "tick", Ipl.SCHED, value -> {
                values.add(value);
                ticks.countDown();
            });
            line.timer(0, 1_000_000, 4711);
            Bounded.arrive(ticks);
            line.timer(0, 0, 0);
            assertThat(values).containsOnly(4711L);
            assertThatThrownBy(() -> line.timer(-1, 0, 0)).isInstanceOf(IllegalArgumentException.class);
            line.close();
        }
    }

    @Test
    void fileThatBecomesReadyTriggersTheLine() {
        ByteBuffer pair = ByteBuffer.allocateDirect(64).order(ByteOrder.nativeOrder());
        assertThat((int) cCall("pipe", linux.address(pair), 0, 0)).isZero();
        int reader = pair.getInt(0);
        int writer = pair.getInt(4);
        try (Levels.Waiting receiver = new Levels.Waiting()) {
            List<Long> ready = new CopyOnWriteArrayList<>();
            InterruptLine line = InterruptLine.establish(receiver.receiver, "fd", Ipl.NET, ready::add);
            line.watch(reader);
            assertThatThrownBy(() -> line.watch(writer)).isInstanceOf(IllegalStateException.class);
            assertThat(cCall("write", writer, linux.address(pair), 8)).isEqualTo(8);
            Bounded.until("the pipe is ready", () -> !ready.isEmpty());
            assertThat(ready).containsOnly((long) reader);
            line.close();
            InterruptLine bad = InterruptLine.establish(receiver.receiver, "bad", Ipl.NET, ready::add);
            assertThatThrownBy(() -> bad.watch(-1))
                    .isInstanceOf(LinuxException.class)
                    .hasMessageContaining("EBADF");
            for (int silent : filesWithoutSignals()) {
                assertRefused(() -> bad.watch(silent), Errno.EINVAL, "O_ASYNC");
                assertThat((int) cCall("close", silent, 0, 0)).isZero();
            }
            bad.watch(reader);
            bad.close();
        } finally {
            assertThat((int) cCall("close", reader, 0, 0)).isZero();
            assertThat((int) cCall("close", writer, 0, 0)).isZero();
        }
    }

    /** For these, Linux takes O_ASYNC without a word and without an effect. */
    private int[] filesWithoutSignals() {
        ByteBuffer noName = ByteBuffer.allocateDirect(1);
        int[] files = {
            (int) cCall("memfd_create", linux.address(noName), 0, 0),
            (int) cCall("eventfd", 0, 0, 0),
            (int) cCall("timerfd_create", LinuxCalls.CLOCK_MONOTONIC, 0, 0)
        };
        assertThat(files).doesNotContain(-1);
        return files;
    }

    private long cCall(String function, long a, long b, long c) {
        return linux.call(linux.dlsym(linux.dlopen(null), function), a, b, c, 0, 0, 0);
    }

    private static final class Packet extends Work {
        private final AtomicLong runs = new AtomicLong();
    }

    @Test
    void lineBoundToAWorkRunsItWithoutJavaInBetween() {
        AtomicLong sum = new AtomicLong();
        NativeWork[] handle = new NativeWork[1];
        Packet packet = new Packet();
        Workqueue<Packet> wq = Workqueue.create(
                kernels.get(),
                "bound",
                (work, arg) -> {
                    work.runs.incrementAndGet();
                    int drained = handle[0].drain(sum::addAndGet);
                    assertThat(drained).isNotNegative();
                },
                null,
                Pri.PRI_NONE,
                Ipl.VM,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        NativeWork work = wq.nativeWork(packet, kernels.lastCpu());
        handle[0] = work;
        InterruptLine line = InterruptLine.establish(kernels.get().interrupts(kernels.cpu(0)), "bound", Ipl.VM, work);
        int signal = line.signal();
        long expected = 0;
        for (int i = 1; i <= 5_000; i++) {
            send(signal, i);
            expected += i;
        }
        while (!line.trigger(1_000_000)) {
            Thread.onSpinWait();
        }
        expected += 1_000_000;
        long all = expected;
        Bounded.until("every value is with the work", () -> sum.get() == all);
        assertThat(packet.runs.get()).isBetween(1L, 5_001L);
        assertThat(line.state().lost()).isZero();
        line.close();
        work.close();
        wq.destroy();
    }

    private Workqueue<Packet> queueOf(String name, Ipl ipl, Runnable function) {
        return Workqueue.create(
                kernels.get(), name, (work, arg) -> function.run(), null, Pri.PRI_NONE, ipl, Workqueue.WQ_MPSAFE);
    }

    @Test
    @DisplayName("R5: requests without value for a work that is pending are one")
    void requestsForAPendingWorkAreOne() {
        Semaphore inside = new Semaphore(0);
        Semaphore gate = new Semaphore(0);
        List<Long> values = new CopyOnWriteArrayList<>();
        NativeWork[] handle = new NativeWork[1];
        Workqueue<Packet> wq = queueOf("once", Ipl.VM, () -> {
            inside.release();
            Bounded.acquire(gate, 1);
            int drained = handle[0].drain(values::add);
            assertThat(drained).isNotNegative();
        });
        NativeWork work = wq.nativeWork(new Packet(), null);
        handle[0] = work;
        try (Levels.Waiting receiver = new Levels.Waiting();
                InterruptLine line = InterruptLine.establish(receiver.receiver, "once", Ipl.VM, work)) {
            assertThat(line.trigger(7)).isTrue();
            Bounded.acquire(inside, 1);
            assertThat(line.trigger()).isTrue();
            for (int i = 0; i < 5; i++) {
                assertThat(line.trigger()).isFalse();
            }
            assertThat(line.trigger(8)).isTrue();
            gate.release(2);
            Bounded.acquire(inside, 1);
            assertThat(wq.drainAndDestroy(Duration.ofSeconds(30))).isEmpty();
        }
        assertThat(values).containsExactly(7L, 0L, 8L);
        work.close();
    }

    @Test
    @DisplayName("Bad input: a closed line of a work, a closed work, a queue that has ended")
    void uselessLinesOfAWorkAreRefused() {
        AtomicLong runs = new AtomicLong();
        Workqueue<Packet> wq = queueOf("ended", Ipl.VM, runs::incrementAndGet);
        NativeWork work = wq.nativeWork(new Packet(), null);
        NativeWork shut = wq.nativeWork(new Packet(), null);
        try (Levels.Waiting receiver = new Levels.Waiting()) {
            InterruptLine closed = InterruptLine.establish(receiver.receiver, "closed", Ipl.VM, work);
            closed.close();
            assertRefused(closed::trigger, Errno.EINVAL, "closed");
            assertRefused(() -> closed.trigger(1), Errno.EINVAL, "closed");
            try (InterruptLine ofShut = InterruptLine.establish(receiver.receiver, "of shut", Ipl.VM, shut);
                    InterruptLine ofEnded = InterruptLine.establish(receiver.receiver, "of ended", Ipl.VM, work)) {
                shut.close();
                assertRefused(ofShut::trigger, Errno.EINVAL, "bound to");
                assertRefused(() -> ofShut.trigger(1), Errno.EINVAL, "bound to");
                assertRefused(
                        () -> InterruptLine.establish(receiver.receiver, "late", Ipl.VM, shut), Errno.EINVAL, "closed");
                wq.destroy();
                assertRefused(ofEnded::trigger, Errno.ESHUTDOWN, "bound to");
                assertRefused(() -> ofEnded.trigger(1), Errno.ESHUTDOWN, "bound to");
            }
        }
        assertThat(runs.get()).isZero();
        work.close();
    }

    private static void assertRefused(ThrowingCallable call, Errno errno, String why) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        PercpuException.class, e -> assertThat(e.errnoNumber()).isEqualTo(errno.number()))
                .hasMessageContaining(why);
    }

    @Test
    @DisplayName("Bad input: a line above the level of the queue of its work (U11)")
    void lineAboveTheQueueOfItsWorkIsRefused() {
        AtomicLong runs = new AtomicLong();
        Workqueue<Packet> wq = queueOf("low", Ipl.VM, runs::incrementAndGet);
        NativeWork work = wq.nativeWork(new Packet(), null);
        try (Levels.Waiting receiver = new Levels.Waiting()) {
            assertRefused(
                    () -> InterruptLine.establish(receiver.receiver, "high", Ipl.HIGH, work), Errno.EPERM, "HIGH");
            assertRefused(() -> InterruptLine.establish(receiver.receiver, "high", Ipl.AUDIO, work), Errno.EPERM, "VM");
            try (InterruptLine line = InterruptLine.establish(receiver.receiver, "same", Ipl.VM, work)) {
                assertThat(line.trigger(1)).isTrue();
                assertThat(wq.drainAndDestroy(Duration.ofSeconds(30))).isEmpty();
            }
        }
        assertThat(runs.get()).isEqualTo(1);
        work.close();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 5: a handler enqueues on the queue that the interrupted thread is enqueueing on")
    void handlerMayUseTheQueueOfTheThreadItInterrupted(SplMode mode) {
        AtomicLong ran = new AtomicLong();
        Workqueue<Packet> wq = queueOf("shared", Ipl.VM, ran::incrementAndGet);
        int rounds = 500;
        Levels.on(mode, spl -> {
            InterruptLine line = InterruptLine.establish(
                    Receiver.current(), "enqueue", Ipl.VM, value -> wq.enqueue(new Packet(), null));
            long self = linux.pthread_self();
            int signal = line.signal();
            for (int i = 0; i < rounds; i++) {
                int s = spl.splvm();
                assertThat(linux.pthread_sigqueue(self, signal, i)).isZero();
                wq.enqueue(new Packet(), null);
                spl.splx(s);
            }
            line.close();
        });
        Bounded.until("all works have run", () -> ran.get() == 2L * rounds);
        wq.destroy();
    }

    @Test
    @DisplayName("Bad input: a line beyond the free signals is refused, and the message says who has them")
    void linesBeyondTheFreeSignalsAreRefused() {
        Levels.on(SplMode.LAZY, spl -> {
            int free = SplSupport.get().freeSignals();
            List<InterruptLine> lines = new ArrayList<>();
            LinuxException refused = null;
            while (refused == null) {
                InterruptLine line =
                        InterruptLine.establish(Receiver.current(), "n" + lines.size(), Ipl.VM, value -> {});
                lines.add(line);
                try {
                    assertThat(line.signal()).isPositive();
                } catch (LinuxException e) {
                    refused = e;
                }
            }
            assertThat(refused.errno()).isEqualTo(Errno.EAGAIN.number());
            assertThat(refused)
                    .hasMessageContaining("of this copy of percpu have " + (lines.size() - 1))
                    .hasMessageContaining("close a line");
            assertThat(lines.get(lines.size() - 1).trigger(1))
                    .as("works from Java")
                    .isTrue();
            lines.forEach(InterruptLine::close);
            assertThat(SplSupport.get().freeSignals()).isEqualTo(free);
        });
    }

    @Test
    @DisplayName("Bad input: a dead receiver, a closed line, a level without interrupts, a soft level's signal")
    void uselessLinesAreRefused() {
        Receiver[] dead = new Receiver[1];
        InterruptLine[] left = new InterruptLine[1];
        Levels.on(SplMode.LAZY, spl -> {
            dead[0] = Receiver.current();
            left[0] = InterruptLine.establish(Receiver.current(), "left", Ipl.VM, value -> {});
            left[0].timer(3_600_000_000_000L, 0, 1);
            assertThatThrownBy(() -> InterruptLine.establish(Receiver.current(), "none", Ipl.NONE, value -> {}))
                    .isInstanceOf(IllegalArgumentException.class);
            try (InterruptLine soft = InterruptLine.establish(Receiver.current(), "soft", Ipl.SOFTNET, value -> {})) {
                assertThatThrownBy(soft::signal)
                        .isInstanceOf(ErrnoException.class)
                        .hasMessageContaining("soft");
            }
        });
        Bounded.until("the thread has ended", () -> !dead[0].isAlive());
        assertThatThrownBy(() -> InterruptLine.establish(dead[0], "late", Ipl.VM, value -> {}))
                .isInstanceOf(ErrnoException.class)
                .hasMessageContaining("has ended");
        assertThatThrownBy(() -> left[0].trigger(1))
                .isInstanceOf(ErrnoException.class)
                .hasMessageContaining("ESRCH");
        assertRefused(() -> left[0].timer(0, 1_000_000, 1), Errno.ESRCH, "has ended");
        left[0].timer(0, 0, 0);
        left[0].close();
        left[0].close();
        assertRefused(() -> left[0].timer(0, 0, 0), Errno.EINVAL, "closed");
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a line that gets its signal lets it in on its receiver, and runs no handler under its own lock")
    void lineThatGetsASignalLetsItIn(SplMode mode) {
        Levels.on(mode, spl -> {
            int signal;
            long self = linux.pthread_self();
            try (Levels.Waiting other = new Levels.Waiting()) {
                AtomicLong received = new AtomicLong();
                InterruptLine theirs = InterruptLine.establish(other.receiver, "theirs", Ipl.TTY, received::addAndGet);
                signal = theirs.signal();
                assertThat(linux.pthread_sigqueue(self, signal, 3)).isZero();
                Bounded.until("the value was passed on", () -> received.get() == 3);
                theirs.close();
            }
            long bit = 1L << (signal - 1);
            assertThat(Proc.signalsBlocked(linux.gettid()) & bit)
                    .as("blocked by the handler: it was another's")
                    .isNotZero();
            InterruptLine[] line = new InterruptLine[1];
            List<String> ran = new ArrayList<>();
            line[0] = InterruptLine.establish(
                    Receiver.current(),
                    "ours",
                    Ipl.TTY,
                    value -> ran.add(value + " locked " + Thread.holdsLock(line[0])));
            assertThat(line[0].trigger(1)).isTrue();
            assertThat(line[0].signal()).isEqualTo(signal);
            assertThat(Proc.signalsBlocked(linux.gettid()) & bit).isZero();
            assertThat(linux.pthread_sigqueue(self, signal, 2)).isZero();
            int polled = spl.poll();
            assertThat(polled).isLessThanOrEqualTo(2);
            assertThat(ran).containsExactly("1 locked false", "2 locked false");
            line[0].close();
        });
    }

    @Test
    void handlerMayCloseItsOwnLine() {
        Levels.on(SplMode.EAGER, spl -> {
            InterruptLine[] line = new InterruptLine[1];
            int[] ran = {0};
            line[0] = InterruptLine.establish(Receiver.current(), "once", Ipl.VM, value -> {
                ran[0]++;
                line[0].close();
            });
            assertThat(line[0].trigger(1)).isTrue();
            assertThat(line[0].trigger(2)).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            assertThat(ran[0]).isEqualTo(1);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 4: no handler ever runs while the level is its own or higher")
    void handlerNeverRunsAtOrAboveItsLevel(SplMode mode) {
        Levels.on(mode, Scale.of(30, 300), spl -> {
            Ipl[] ladder = {Ipl.BIO, Ipl.NET, Ipl.TTY, Ipl.VM, Ipl.AUDIO, Ipl.SCHED, Ipl.HIGH};
            AtomicLong handled = new AtomicLong();
            int[] masked = {0}; // the level that the code below is at
            List<InterruptLine> lines = new ArrayList<>();
            for (Ipl ipl : ladder) {
                lines.add(InterruptLine.establish(Receiver.current(), ipl.name(), ipl, value -> {
                    if (masked[0] >= ipl.rank()) {
                        throw new AssertionError(ipl + " ran at " + Ipl.ofRank(masked[0]));
                    }
                    handled.incrementAndGet();
                }));
            }
            int[] signals = lines.stream().mapToInt(InterruptLine::signal).toArray();
            long self = linux.pthread_self();
            AtomicLong sent = new AtomicLong();
            AtomicBoolean enough = new AtomicBoolean();
            var sender = Bounded.startCode("sender", () -> {
                for (int i = 0; !enough.get(); i++) {
                    // The kernel searches its queue from the start for each signal: a long one makes it slow.
                    if (sent.get() - handled.get() > 500) {
                        Thread.onSpinWait();
                    } else if (linux.pthread_sigqueue(self, signals[i % signals.length], i) == 0) {
                        sent.incrementAndGet();
                    }
                }
            });
            java.util.SplittableRandom random = new java.util.SplittableRandom(42);
            // Two system calls for each change, with a signal in many of them: half a minute for a million.
            int wanted = mode == SplMode.EAGER ? Scale.of(100_000, 1_000_000) : 1_000_000;
            for (long raises = 0; !sender.isDone() || handled.get() < sent.get(); ) {
                int depth = random.nextInt(4);
                lowerAndRaise(spl, masked, random, depth);
                raises += depth + 1;
                enough.set(raises >= wanted);
                int polled = spl.poll();
                assert polled >= 0;
            }
            assertThat(sent.get()).isPositive();
            assertThat(Bounded.join(sender)).isTrue();
            assertThat(handled.get()).isEqualTo(sent.get());
            lines.forEach(InterruptLine::close);
        });
    }

    private static void lowerAndRaise(Spl spl, int[] masked, java.util.SplittableRandom random, int depth) {
        Ipl[] ladder = Ipl.values();
        int before = masked[0];
        int s = spl.splraise(ladder[random.nextInt(ladder.length - 1)]);
        masked[0] = spl.level().rank();
        if (depth > 0) {
            lowerAndRaise(spl, masked, random, depth - 1);
        }
        // Handlers run inside splx, when the level is the one before.
        masked[0] = before;
        spl.splx(s);
    }
}
