// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntSupplier;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.ipl.SplSupport;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.LoggedRecords;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;

@Timeout(120)
class SplTest {
    private static long forbidden() {
        LinuxCalls linux = Machine.linux();
        int[] signals = {4, 5, 7, 8, 11, 12, 32, 33, linux.__libc_current_sigrtmax() - 2};
        long set = 0;
        for (int signal : signals) {
            set |= 1L << (signal - 1);
        }
        return set;
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 1: raising never lowers, and splx goes back to the level before (R2, R3)")
    void raisingNeverLowers(SplMode mode) {
        Levels.on(mode, spl -> {
            List<String> ran = new ArrayList<>();
            InterruptLine line = Levels.recording(Receiver.current(), Ipl.SOFTNET, ran);
            int outer = spl.splvm();
            assertThat(spl.level()).isEqualTo(Ipl.VM);
            assertThat(line.trigger()).isTrue();
            int inner = spl.splsoftnet();
            assertThat(spl.level()).isEqualTo(Ipl.VM);
            spl.splx(inner);
            assertThat(spl.level()).isEqualTo(Ipl.VM);
            assertThat(ran).isEmpty();
            spl.splx(outer);
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            assertThat(ran).containsExactly("SOFTNET=0@SOFTNET");
            line.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 2: what is pending runs highest first, and only above the new level (R3, R6)")
    void pendingRunsHighestFirst(SplMode mode) {
        Levels.on(mode, spl -> {
            List<String> ran = new ArrayList<>();
            List<InterruptLine> lines = List.of(
                    Levels.recording(Receiver.current(), Ipl.SOFTCLOCK, ran),
                    Levels.recording(Receiver.current(), Ipl.VM, ran),
                    Levels.recording(Receiver.current(), Ipl.HIGH, ran));
            int s = spl.splhigh();
            lines.forEach(line -> assertThat(line.trigger()).isTrue());
            spl.splx(s);
            assertThat(ran).containsExactly("HIGH=0@HIGH", "VM=0@VM", "SOFTCLOCK=0@SOFTCLOCK");

            ran.clear();
            int none = spl.splsoftnet();
            int softnet = spl.splhigh();
            lines.forEach(line -> assertThat(line.trigger()).isTrue());
            spl.splx(softnet);
            assertThat(ran).containsExactly("HIGH=0@HIGH", "VM=0@VM");
            assertThat(spl.level()).isEqualTo(Ipl.SOFTNET);
            spl.splx(none);
            assertThat(ran).hasSize(3).endsWith("SOFTCLOCK=0@SOFTCLOCK");
            lines.forEach(InterruptLine::close);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 3: requests without a value are one, values are all kept in order (R5)")
    void requestsCoalesceAndValuesDoNot(SplMode mode) {
        Levels.on(mode, spl -> {
            List<String> ran = new ArrayList<>();
            InterruptLine line = Levels.recording(Receiver.current(), Ipl.VM, ran);
            int s = spl.splvm();
            assertThat(line.trigger()).isTrue();
            assertThat(line.trigger()).isFalse();
            assertThat(line.trigger()).isFalse();
            assertThat(line.trigger(7)).isTrue();
            assertThat(line.trigger(8)).isTrue();
            spl.splx(s);
            assertThat(ran).containsExactly("VM=0@VM", "VM=7@VM", "VM=8@VM");
            line.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 8: the kernel never sees a forbidden signal blocked, and at each level what the ladder says")
    void kernelsMaskHoldsNoForbiddenSignal(SplMode mode) {
        Levels.on(mode, spl -> {
            List<InterruptLine> lines = Levels.linesOfEveryLevel(spl);
            int tid = Machine.linux().gettid();
            long before = Proc.signalsBlocked(tid);
            for (Ipl ipl : Ipl.values()) {
                int s = spl.splraise(ipl);
                long blocked = Proc.signalsBlocked(tid);
                assertThat(blocked & forbidden()).as("%s", ipl).isZero();
                assertThat(blocked & ~before)
                        .as("%s", ipl)
                        .isEqualTo(mode == SplMode.EAGER ? SplSupport.mask(ipl) & ~before : 0);
                assertThat(SplSupport.mask(ipl) & forbidden()).isZero();
                spl.splx(s);
                assertThat(Proc.signalsBlocked(tid)).isEqualTo(before);
            }
            assertThat(SplSupport.mask(Ipl.HIGH) == 0).isEqualTo(lines.isEmpty());
            lines.forEach(InterruptLine::close);
        });
    }

    @Test
    @DisplayName("The ladder: higher levels have lower signal numbers, soft levels have none, IPI is never masked")
    void ladderIsThatOfTheTable() {
        SplSupport support = SplSupport.get();
        LinuxCalls linux = Machine.linux();
        int before = linux.__libc_current_sigrtmin() + 1;
        for (int rank = Ipl.IPI.rank(); rank > 0; rank--) {
            int signal = support.signals().get(rank);
            boolean soft = Ipl.ofRank(rank).name().startsWith("SOFT");
            assertThat(signal == 0).as("%s", Ipl.ofRank(rank)).isEqualTo(soft);
            if (!soft) {
                assertThat(signal).isGreaterThan(before);
                before = signal;
            }
        }
        Levels.on(SplMode.EAGER, spl -> {
            List<InterruptLine> lines = Levels.linesOfEveryLevel(spl);
            long mask = 0;
            for (Ipl ipl : Ipl.values()) {
                assertThat(SplSupport.mask(ipl) & mask)
                        .as("%s masks all that lower levels do", ipl)
                        .isEqualTo(mask);
                mask = SplSupport.mask(ipl);
                assertThat(mask & (1L << (support.signals().get(Ipl.IPI.rank()) - 1)))
                        .isZero();
            }
            assertThat(SplSupport.mask(Ipl.SOFTNET)).isZero();
            lines.forEach(InterruptLine::close);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("R6: a handler runs at its level in interrupt state, and higher ones come in between")
    void handlerIsInterruptedByHigherLevels(SplMode mode) {
        Levels.on(mode, spl -> {
            List<String> ran = new ArrayList<>();
            InterruptLine high = Levels.recording(Receiver.current(), Ipl.HIGH, ran);
            InterruptLine same = Levels.recording(Receiver.current(), Ipl.VM, ran);
            InterruptLine low = InterruptLine.establish(Receiver.current(), "low", Ipl.VM, value -> {
                ran.add("enter " + value + " " + spl.inInterrupt() + " " + spl.inHardInterrupt());
                int s = spl.splhigh();
                boolean first = high.trigger(value);
                boolean second = same.trigger(value);
                ran.add("sent " + first + second);
                spl.splx(s);
                ran.add("leave " + spl.level());
            });
            assertThat(low.trigger(1)).isTrue();
            assertThat(spl.inInterrupt()).isFalse();
            assertThat(spl.poll()).isEqualTo(2);
            assertThat(ran).containsExactly("enter 1 true true", "sent truetrue", "HIGH=1@HIGH", "leave VM", "VM=1@VM");
            assertThat(spl.inInterrupt()).isFalse();
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            List.of(high, same, low).forEach(InterruptLine::close);
        });
    }

    @ParameterizedTest
    @EnumSource
    void handlerThatThrowsOrForgetsItsLevelIsReportedAndTheLineGoesOn(SplMode mode) {
        Levels.on(mode, spl -> {
            List<String> faults = new ArrayList<>();
            Receiver.current().onFault((line, thrown) -> faults.add(thrown.getMessage()));
            InterruptLine line = InterruptLine.establish(Receiver.current(), "bad", Ipl.VM, value -> {
                int forgotten = spl.splhigh();
                if (value == 1) {
                    throw new IllegalArgumentException("cookie " + (forgotten != 0));
                }
            });
            assertThat(line.trigger(1)).isTrue();
            assertThat(line.trigger(2)).isTrue();
            assertThat(spl.poll()).isEqualTo(2);
            assertThat(faults).hasSize(2).anyMatch("cookie true"::equals).anyMatch(f -> f.contains("returned at HIGH"));
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            assertThat(Proc.signalsBlocked(Machine.linux().gettid()) & SplSupport.mask(Ipl.HIGH))
                    .isZero();
            line.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "R6: a handler that lowers its level, or throws into a fault handler that throws, spoils nothing for others")
    void handlerThatLowersItsLevelIsPutRight(SplMode mode) {
        Levels.on(mode, spl -> {
            List<String> faults = new ArrayList<>();
            Receiver.current().onFault((line, thrown) -> {
                faults.add(String.valueOf(thrown.getMessage()));
                throw new IllegalStateException("the fault handler of a test throws, as it must be able to");
            });
            List<String> ran = new ArrayList<>();
            int none = spl.splraise(Ipl.NONE);
            InterruptLine bad = InterruptLine.establish(Receiver.current(), "bad", Ipl.VM, value -> {
                spl.splx(none);
                throw new IllegalArgumentException("value " + value);
            });
            InterruptLine good = Levels.recording(Receiver.current(), Ipl.VM, ran);
            assertThat(bad.trigger(1)).isTrue();
            assertThat(bad.trigger(2)).isTrue();
            assertThat(good.trigger(3)).isTrue();
            assertThat(spl.poll()).isEqualTo(3);
            assertThat(faults).hasSize(3).contains("value 1", "value 2").anyMatch(f -> f.contains("returned at NONE"));
            assertThat(ran).containsExactly("VM=3@VM");
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            assertThat(Proc.signalsBlocked(Machine.linux().gettid()) & SplSupport.mask(Ipl.HIGH))
                    .isZero();
            List.of(bad, good).forEach(InterruptLine::close);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Bad input: cookies of other threads, invented ones, and cookies above the current level")
    void badCookiesAreRefused(SplMode mode) {
        CompletableFuture<Integer> foreign = new CompletableFuture<>();
        Levels.on(mode, spl -> {
            int s = spl.splhigh();
            foreign.complete(s);
            spl.splx(s);
        });
        Levels.on(mode, spl -> {
            int none = spl.splvm();
            assertThatThrownBy(() -> spl.splx(foreign.join()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("another thread");
            assertThatThrownBy(() -> spl.splx(-1)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> spl.splx(0)).isInstanceOf(IllegalStateException.class);
            int vm = spl.splhigh();
            spl.splx(none);
            assertThatThrownBy(() -> spl.splx(vm))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("VM")
                    .hasMessageContaining("NONE");
            spl.splx(none);
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
        });
    }

    @Test
    void levelOfAnotherThreadCannotBeChanged() {
        Spl mine = Bounded.call("owner", Spl::current);
        assertThatThrownBy(mine::splhigh)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("owner")
                .hasMessageContaining("Spl.current()");
        assertThatThrownBy(mine::spl0).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(mine::poll).isInstanceOf(IllegalStateException.class);
    }

    @Test
    @DisplayName("R9, R10: splassert complains below a level only, and spl0 lowers everything")
    void assertAndLowerAll() {
        Levels.on(SplMode.EAGER, spl -> {
            int s = spl.splbio();
            spl.splassert(Ipl.SOFTNET);
            spl.splassert(Ipl.BIO);
            assertThatThrownBy(() -> spl.splassert(Ipl.NET))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("want NET, have BIO");
            int inner = spl.splsched();
            spl.spl0();
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            assertThatThrownBy(() -> spl.splx(inner)).isInstanceOf(IllegalStateException.class);
            spl.splx(s);
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
        });
    }

    @Test
    void namedRaisesReachTheirLevels() {
        Levels.on(SplMode.EAGER, spl -> {
            int none = spl.splraise(Ipl.NONE);
            Map<IntSupplier, Ipl> raises = new LinkedHashMap<>();
            raises.put(spl::splsoftclock, Ipl.SOFTCLOCK);
            raises.put(spl::splsoftbio, Ipl.SOFTBIO);
            raises.put(spl::splsoftnet, Ipl.SOFTNET);
            raises.put(spl::splbio, Ipl.BIO);
            raises.put(spl::splnet, Ipl.NET);
            raises.put(spl::splsoftserial, Ipl.SOFTSERIAL);
            raises.put(spl::splsofttty, Ipl.SOFTSERIAL);
            raises.put(spl::spltty, Ipl.TTY);
            raises.put(spl::splvm, Ipl.VM);
            raises.put(spl::splaudio, Ipl.AUDIO);
            raises.put(spl::splclock, Ipl.SCHED);
            raises.put(spl::splstatclock, Ipl.SCHED);
            raises.put(spl::splsched, Ipl.SCHED);
            raises.put(spl::splserial, Ipl.HIGH);
            raises.put(spl::splhigh, Ipl.HIGH);
            for (boolean nested : new boolean[] {false, true}) {
                raises.forEach((raise, level) -> {
                    int cookie = raise.getAsInt();
                    assertThat(spl.level()).isEqualTo(level);
                    if (!nested) {
                        spl.splx(cookie);
                        assertThat(spl.level()).isEqualTo(Ipl.NONE);
                    }
                });
            }
            spl.splx(none);
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("R10: spllowersoftclock lowers to SOFTCLOCK whatever is open, runs what waited, and never raises")
    @SuppressWarnings("LockNotBeforeTry") // the thread ends with the first failure, and so does its mutex
    void lowersToTheSoftClock(SplMode mode) {
        Levels.on(mode, spl -> {
            List<String> ran = new ArrayList<>();
            InterruptLine net = Levels.recording(Receiver.current(), Ipl.SOFTNET, ran);
            InterruptLine clock = Levels.recording(Receiver.current(), Ipl.SOFTCLOCK, ran);
            spl.spllowersoftclock();
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            int s = spl.splvm();
            int inner = spl.splhigh();
            assertThat(net.trigger()).isTrue();
            assertThat(clock.trigger()).isTrue();
            spl.spllowersoftclock();
            assertThat(spl.level()).isEqualTo(Ipl.SOFTCLOCK);
            assertThat(ran).containsExactly("SOFTNET=0@SOFTNET");
            assertThatThrownBy(() -> spl.splx(inner)).isInstanceOf(IllegalStateException.class);
            spl.splx(s);
            assertThat(ran).hasSize(2).endsWith("SOFTCLOCK=0@SOFTCLOCK");
            Mutex mutex = Mutex.netbsd("m", Ipl.VM);
            mutex.lock();
            assertThatThrownBy(spl::spllowersoftclock)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("spllowersoftclock")
                    .hasMessageContaining("spin mutex");
            assertThat(spl.level()).isEqualTo(Ipl.VM);
            mutex.unlock();
            List<Throwable> refused = new ArrayList<>();
            InterruptLine line = InterruptLine.establish(
                    Receiver.current(), "lowers", Ipl.VM, value -> assertThatThrownBy(spl::spllowersoftclock)
                            .satisfies(refused::add));
            assertThat(line.trigger()).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            assertThat(refused).singleElement().asString().contains("in an interrupt handler");
            List.of(net, clock, line).forEach(InterruptLine::close);
        });
    }

    @Test
    @DisplayName(
            "R9: kern.splassert 0 is silent, 1 logs a message, 2 and 3 log it with a trace, others throw as by default")
    void assertObeysKernSplassert() {
        LoggedRecords logged = new LoggedRecords(Spl.class);
        List<LogRecord> records = logged.list();
        int before = Spl.kernSplassert(0);
        try {
            Levels.on(SplMode.EAGER, spl -> {
                spl.splassert(Ipl.NET);
                assertThat(records).isEmpty();
                assertThat(Spl.kernSplassert(1)).isZero();
                spl.splassert(Ipl.NONE);
                assertThat(records).isEmpty();
                spl.splassert(Ipl.NET);
                assertThat(Spl.kernSplassert(2)).isEqualTo(1);
                spl.splassert(Ipl.BIO);
                assertThat(Spl.kernSplassert(3)).isEqualTo(2);
                spl.splassert(Ipl.TTY);
                assertThat(Spl.kernSplassert(4)).isEqualTo(3);
                assertThatThrownBy(() -> spl.splassert(Ipl.NET)).isInstanceOf(IllegalStateException.class);
                assertThat(Spl.kernSplassert(before)).isEqualTo(4);
                assertThatThrownBy(() -> spl.splassert(Ipl.NET)).isInstanceOf(IllegalStateException.class);
            });
        } finally {
            int last = Spl.kernSplassert(before);
            assertThat(last).isEqualTo(before);
            logged.close();
        }
        assertThat(records).hasSize(3).allMatch(record -> record.getLevel().equals(Level.WARNING));
        assertThat(records.get(0).getMessage()).contains("want NET, have NONE");
        assertThat(records.get(0).getThrown()).isNull();
        assertThat(records.get(1).getMessage()).contains("want BIO, have NONE");
        assertThat(records.get(1).getThrown().getStackTrace())
                .anyMatch(frame -> frame.getClassName().startsWith(SplTest.class.getName()));
        assertThat(records.get(2).getThrown()).isNotNull();
    }

    @Test
    void virtualThreadHasNoLevel() throws Exception {
        Machine.skipUnless(Runtime.version().feature() >= 21, "virtual threads need Java 21");
        CompletableFuture<Throwable> refused = new CompletableFuture<>();
        Thread thread = (Thread)
                Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, (Runnable) () -> {
                    try {
                        refused.completeExceptionally(new AssertionError("got " + Spl.current()));
                    } catch (UnsupportedOperationException e) {
                        refused.complete(e);
                    }
                });
        thread.join();
        assertThat(refused.join()).hasMessageContaining("virtual thread");
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("0 bytes are allocated for each interrupt handled, triggered from Java and by signal")
    void raiseAndLowerAndAnInterruptAllocateNothing(SplMode mode) {
        Levels.needLibrary();
        LinuxCalls linux = Machine.linux();
        com.sun.management.ThreadMXBean threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        Levels.on(mode, spl -> {
            long[] sum = {0};
            InterruptLine line = InterruptLine.establish(Receiver.current(), "sum", Ipl.VM, value -> sum[0] += value);
            int signal = line.signal();
            long self = linux.pthread_self();
            long sent = 0;
            // What is compiled on the way allocates once.
            long least = Long.MAX_VALUE;
            for (int round = 0; round < 40 && least > 0; round++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 10_000; i++) {
                    int s = spl.splvm();
                    boolean taken = line.trigger(1);
                    assert taken;
                    int result = linux.pthread_sigqueue(self, signal, 2);
                    assert result == 0;
                    spl.splx(s);
                    sent += 3;
                }
                least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
            }
            assertThat(sum[0]).isEqualTo(sent);
            assertThat(least).as("bytes for 20000 interrupts").isZero();
            line.close();
        });
    }
}
