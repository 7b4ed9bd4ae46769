// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.SplMode;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.Sleepq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.TestKernel;

@Timeout(60)
@SuppressWarnings("LockNotBeforeTry") // each thread ends with the first failure, and so does its mutex
class MutexTest {
    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    @Test
    @DisplayName(
            "Class by level: NetBSD's is adaptive up to the soft levels, OpenBSD's always spins, at MPFLOOR at least")
    void classFollowsTheLevel() {
        assertThat(Mutex.netbsd("a", Ipl.NONE).isSpin()).isFalse();
        assertThat(Mutex.netbsd("a", Ipl.SOFTSERIAL).isSpin()).isFalse();
        assertThat(Mutex.netbsd("a", Ipl.VM).isSpin()).isTrue();
        assertThat(Mutex.openbsd("a", Ipl.NONE, null).isSpin()).isTrue();
        assertThat(Mutex.openbsd("a", Ipl.NONE, null).ipl()).isEqualTo(Ipl.NONE);
        assertThat(Mutex.openbsd("a", Ipl.SOFTCLOCK, null).ipl()).isEqualTo(Ipl.TTY);
        assertThat(Mutex.openbsd("a", Ipl.HIGH, null).ipl()).isEqualTo(Ipl.HIGH);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 11: NetBSD's level stays until the last release, in whatever order")
    void netbsdLevelStaysUntilTheLastRelease(SplMode mode) {
        Levels.on(mode, spl -> {
            Mutex vm = Mutex.netbsd("vm", Ipl.VM);
            Mutex high = Mutex.netbsd("high", Ipl.HIGH);
            List<String> ran = new ArrayList<>();
            InterruptLine line = Levels.recording(Receiver.current(), Ipl.VM, ran);
            vm.lock();
            assertThat(spl.level()).isEqualTo(Ipl.VM);
            high.lock();
            assertThat(spl.level()).isEqualTo(Ipl.HIGH);
            assertThat(line.trigger(1)).isTrue();
            vm.unlock();
            assertThat(spl.level()).isEqualTo(Ipl.HIGH);
            assertThat(ran).isEmpty();
            high.unlock();
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            assertThat(ran).containsExactly("VM=1@VM");
            line.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 11: OpenBSD's level drops with each release, and the wrong order is reported")
    void openbsdReportsReleaseOutOfOrder(SplMode mode) {
        Levels.on(mode, spl -> {
            List<String> reports = new ArrayList<>();
            Mutex first = Mutex.openbsd("first", Ipl.VM, reports::add);
            Mutex second = Mutex.openbsd("second", Ipl.HIGH, reports::add);
            first.lock();
            second.lock();
            second.unlock();
            assertThat(spl.level()).isEqualTo(Ipl.VM);
            first.unlock();
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            assertThat(reports).isEmpty();

            first.lock();
            second.lock();
            first.unlock();
            assertThat(spl.level()).as("dropped early").isEqualTo(Ipl.NONE);
            second.unlock();
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            assertThat(reports)
                    .singleElement()
                    .asString()
                    .contains("first")
                    .contains("second")
                    .contains("NONE");
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "Scenario 11: mutexes of both systems together, in whatever order, keep the level while NetBSD's is held")
    void mutexesOfBothSystemsKeepTheLevelOfThoseHeld(SplMode mode) {
        Levels.on(mode, spl -> {
            Mutex netbsd = Mutex.netbsd("netbsd", Ipl.SCHED);
            Mutex low = Mutex.openbsd("low", Ipl.TTY, null);
            Mutex high = Mutex.openbsd("high", Ipl.HIGH, null);
            for (List<Mutex> taken : orders(netbsd, low, high)) {
                for (List<Mutex> released : orders(netbsd, low, high)) {
                    for (Ipl outer : List.of(Ipl.NONE, Ipl.SOFTNET)) {
                        int s = spl.splraise(outer);
                        taken.forEach(Mutex::lock);
                        for (Mutex mutex : released) {
                            boolean mixed = netbsd.isHeldByCurrentThread();
                            mutex.unlock();
                            for (Mutex held : taken) {
                                if (mixed && held.isHeldByCurrentThread()) {
                                    assertThat(spl.level())
                                            .as("taken %s, released %s, holds %s", taken, released, held)
                                            .isGreaterThanOrEqualTo(held.ipl());
                                }
                            }
                        }
                        assertThat(spl.level())
                                .as("taken %s, released %s", taken, released)
                                .isEqualTo(outer);
                        spl.splx(s);
                    }
                }
            }
        });
    }

    private static List<List<Mutex>> orders(Mutex a, Mutex b, Mutex c) {
        return List.of(
                List.of(a, b, c),
                List.of(a, c, b),
                List.of(b, a, c),
                List.of(b, c, a),
                List.of(c, a, b),
                List.of(c, b, a));
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("splx below the level of a held spin mutex is refused, with its name, and the level stays")
    void splxBelowAHeldMutexIsRefused(SplMode mode) {
        Levels.on(mode, spl -> {
            for (Mutex mutex : List.of(Mutex.netbsd("kept", Ipl.VM), Mutex.openbsd("kept", Ipl.VM, null))) {
                int none = spl.splsoftnet();
                mutex.lock();
                int vm = spl.splhigh();
                assertThatThrownBy(() -> spl.splx(none))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("NONE")
                        .hasMessageContaining("spin mutex kept of VM");
                assertThat(spl.level()).isEqualTo(Ipl.HIGH);
                spl.splx(vm);
                assertThat(spl.level()).isEqualTo(Ipl.VM);
                assertThatThrownBy(() -> spl.splx(none)).isInstanceOf(IllegalStateException.class);
                mutex.unlock();
                assertThat(spl.level()).isEqualTo(Ipl.SOFTNET);
                spl.splx(none);
                assertThat(spl.level()).isEqualTo(Ipl.NONE);
            }
        });
    }

    @Test
    @DisplayName("A level that OpenBSD's release in the wrong order has dropped is what splx may go back to")
    void splxGoesBackToALevelThatDroppedEarly() {
        Levels.on(SplMode.EAGER, spl -> {
            Mutex first = Mutex.openbsd("first", Ipl.VM, null);
            Mutex second = Mutex.openbsd("second", Ipl.HIGH, null);
            first.lock();
            second.lock();
            first.unlock();
            int dropped = spl.splsched();
            spl.splx(dropped);
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            second.unlock();
            int s = spl.splvm();
            spl.splx(s);
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("A handler may take a mutex of its own level, and is refused one of the next lower level")
    void handlersTakeMutexesOfTheirLevelAndNoLower(SplMode mode) {
        Mutex own = Mutex.netbsd("own", Ipl.AUDIO);
        Mutex lower = Mutex.netbsd("lower", Ipl.VM);
        Levels.on(mode, spl -> {
            List<Throwable> faults = new ArrayList<>();
            List<Boolean> taken = new ArrayList<>();
            Receiver.current().onFault((line, thrown) -> faults.add(thrown));
            InterruptLine line = InterruptLine.establish(Receiver.current(), "audio", Ipl.AUDIO, value -> {
                own.lock();
                taken.add(own.isHeldByCurrentThread());
                own.unlock();
                lower.lock();
            });
            assertThat(line.trigger()).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            assertThat(taken).containsExactly(true);
            assertThat(faults).singleElement().satisfies(fault -> assertThat(fault)
                    .isInstanceOf(IllegalMonitorStateException.class)
                    .hasMessageContaining("lower"));
            assertThat(lower.isHeldByCurrentThread()).isFalse();
            line.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "R6: a handler that returns with spin mutexes held is reported with their names, and they are released")
    void handlerThatReturnsWithMutexesHeldIsPutRight(SplMode mode) {
        Kernel kernel = kernels.get();
        Mutex outer = Mutex.netbsd("outer", Ipl.VM);
        Mutex netbsd = Mutex.netbsd("net-left", Ipl.SCHED);
        Mutex openbsd = Mutex.openbsd("open-left", Ipl.HIGH, null);
        Levels.on(mode, spl -> {
            List<String> faults = new ArrayList<>();
            Receiver.current().onFault((line, thrown) -> faults.add(thrown.getMessage()));
            InterruptLine line = InterruptLine.establish(Receiver.current(), "forgets", Ipl.SCHED, value -> {
                netbsd.lock();
                openbsd.lock();
            });
            outer.lock();
            assertThat(line.trigger()).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            assertThat(faults)
                    .singleElement()
                    .asString()
                    .contains("forgets")
                    .contains("spin mutex net-left of SCHED")
                    .contains("spin mutex open-left of HIGH")
                    .doesNotContain("outer");
            assertThat(spl.level()).isEqualTo(Ipl.VM);
            assertThat(outer.isHeldByCurrentThread()).isTrue();
            assertThat(netbsd.isHeldByCurrentThread()).isFalse();
            assertThat(openbsd.isHeldByCurrentThread()).isFalse();
            outer.unlock();
            assertThat(spl.level()).isEqualTo(Ipl.NONE);
            assertThat(kernel.sleepq().tsleep(this, "free", 1)).isEqualTo(Sleepq.EWOULDBLOCK);
            line.close();
        });
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "A handler may take and release a mutex while the code it interrupts holds one: no fault, and no level lost")
    void handlerMayUseAMutexWhileAnotherIsHeld(SplMode mode) {
        Levels.on(mode, spl -> {
            for (Mutex inner : List.of(Mutex.netbsd("inner", Ipl.HIGH), Mutex.openbsd("inner", Ipl.HIGH, null))) {
                for (Mutex outer : List.of(Mutex.netbsd("outer", Ipl.VM), Mutex.openbsd("outer", Ipl.VM, null))) {
                    InterruptLine line = InterruptLine.establish(Receiver.current(), "intr", Ipl.SCHED, value -> {
                        inner.lock();
                        inner.unlock();
                    });
                    outer.lock();
                    assertThat(line.trigger()).isTrue();
                    assertThat(spl.poll()).isEqualTo(1);
                    assertThat(spl.level()).isEqualTo(Ipl.VM);
                    outer.unlock();
                    assertThat(spl.level()).isEqualTo(Ipl.NONE);
                    line.close();
                }
            }
        });
    }

    @Test
    @DisplayName("Bad input: recursion, release by another thread, unbalanced release, no conditions")
    void misuseIsRefused() {
        for (Mutex mutex :
                List.of(Mutex.netbsd("m", Ipl.NONE), Mutex.netbsd("m", Ipl.VM), Mutex.openbsd("m", Ipl.VM, null))) {
            Levels.on(SplMode.EAGER, spl -> {
                assertThatThrownBy(mutex::unlock)
                        .isInstanceOf(IllegalMonitorStateException.class)
                        .hasMessageContaining("nobody");
                mutex.lock();
                Ipl held = spl.level();
                assertThatThrownBy(mutex::lock)
                        .isInstanceOf(IllegalMonitorStateException.class)
                        .hasMessageContaining("locking against myself");
                assertThatThrownBy(mutex::tryLock).isInstanceOf(IllegalMonitorStateException.class);
                Bounded.run("other", () -> {
                    assertThatThrownBy(mutex::unlock).isInstanceOf(IllegalMonitorStateException.class);
                    assertThat(mutex.tryLock()).isFalse();
                    assertThat(mutex.tryLock(1, TimeUnit.MILLISECONDS)).isFalse();
                    assertThat(org.percpu.ipl.Spl.current().level()).isEqualTo(Ipl.NONE);
                });
                assertThat(spl.level()).isEqualTo(held);
                mutex.unlock();
                assertThatThrownBy(mutex::unlock).isInstanceOf(IllegalMonitorStateException.class);
                assertThatThrownBy(mutex::newCondition).isInstanceOf(UnsupportedOperationException.class);
                assertThat(spl.level()).isEqualTo(Ipl.NONE);
            });
        }
    }

    @Test
    void adaptiveMutexIsRefusedWhereTheThreadMustNotSleep() {
        Mutex adaptive = Mutex.netbsd("adaptive", Ipl.NONE);
        Mutex spin = Mutex.netbsd("spin", Ipl.VM);
        Mutex low = Mutex.netbsd("low", Ipl.VM);
        Levels.on(SplMode.EAGER, spl -> {
            spin.lock();
            assertThatThrownBy(adaptive::lock)
                    .isInstanceOf(IllegalMonitorStateException.class)
                    .hasMessageContaining("spin mutex held");
            spin.unlock();
            int s = spl.splsoftnet();
            adaptive.lock();
            adaptive.unlock();
            spl.splx(s);
            List<Throwable> refused = new ArrayList<>();
            InterruptLine line = InterruptLine.establish(Receiver.current(), "intr", Ipl.HIGH, value -> {
                assertThatThrownBy(adaptive::lock).satisfies(refused::add);
                assertThatThrownBy(low::lock).satisfies(refused::add);
            });
            assertThat(line.trigger()).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            assertThat(refused).hasSize(2);
            assertThat(refused.get(0)).hasMessageContaining("in an interrupt");
            assertThat(refused.get(1)).hasMessageContaining("HIGH");
            line.close();
        });
    }

    @Test
    void mutexExcludesThreads() {
        for (Mutex mutex : List.of(Mutex.netbsd("m", Ipl.NONE), Mutex.netbsd("m", Ipl.VM))) {
            long[] count = {0};
            List<FutureTask<Boolean>> threads = new ArrayList<>();
            for (int t = 0; t < 3; t++) {
                threads.add(Bounded.startCode("adder", () -> {
                    for (int i = 0; i < 20_000; i++) {
                        mutex.lock();
                        count[0]++;
                        mutex.unlock();
                    }
                }));
            }
            threads.forEach(thread -> assertThat(Bounded.join(thread)).isTrue());
            assertThat(count[0]).isEqualTo(60_000);
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 12: a sleep at a raised level, in an interrupt and with a spin mutex held are three errors")
    void sleepingWhereItIsForbiddenHasThreeErrors(SplMode mode) {
        Kernel kernel = kernels.get();
        Mutex spin = Mutex.netbsd("spin", Ipl.VM);
        Levels.on(mode, spl -> {
            List<String> errors = new ArrayList<>();
            int s = spl.splsoftclock();
            errors.add(refusal(kernel));
            spl.splx(s);
            spin.lock();
            errors.add(refusal(kernel));
            spin.unlock();
            InterruptLine line =
                    InterruptLine.establish(Receiver.current(), "intr", Ipl.VM, value -> errors.add(refusal(kernel)));
            assertThat(line.trigger()).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            line.close();
            assertThat(errors.get(0)).contains("EPERM").contains("at SOFTCLOCK");
            assertThat(errors.get(1)).contains("EPERM").contains("spin mutex held");
            assertThat(errors.get(2)).contains("EPERM").contains("in an interrupt handler at VM");
            assertThat(kernel.sleepq().tsleep(this, "free", 1)).isEqualTo(Sleepq.EWOULDBLOCK);
        });
    }

    private String refusal(Kernel kernel) {
        try {
            return "slept " + kernel.sleepq().tsleep(this, "nap", 1);
        } catch (ErrnoException e) {
            return String.valueOf(e.getMessage());
        }
    }

    @Test
    void spinMutexAsInterlockIsFreeDuringTheSleepAndSoIsTheLevel() {
        Kernel kernel = kernels.get();
        for (Mutex mutex : List.of(Mutex.netbsd("i", Ipl.VM), Mutex.openbsd("i", Ipl.VM, null))) {
            Condvar changed = new Condvar(kernel, "changed");
            CountDownLatch in = new CountDownLatch(1);
            boolean[] ready = {false};
            FutureTask<Boolean> waiter = Bounded.start("waiter", () -> {
                mutex.lock();
                in.countDown();
                while (!ready[0]) {
                    changed.await(mutex);
                }
                boolean raised = org.percpu.ipl.Spl.current().level() == mutex.ipl();
                mutex.unlock();
                return raised && org.percpu.ipl.Spl.current().level() == Ipl.NONE;
            });
            Bounded.arrive(in);
            Bounded.until("the waiter sleeps", changed::hasWaiters);
            mutex.lock();
            ready[0] = true;
            changed.signal();
            mutex.unlock();
            assertThat(Bounded.join(waiter)).isTrue();
            Levels.on(SplMode.EAGER, spl -> {
                Mutex other = Mutex.netbsd("other", Ipl.HIGH);
                other.lock();
                mutex.lock();
                assertThatThrownBy(() -> changed.await(mutex))
                        .isInstanceOf(ErrnoException.class)
                        .hasMessageContaining("spin mutex held");
                mutex.unlock();
                other.unlock();
                assertThat(changed.hasWaiters()).isFalse();
            });
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "Deadlock rule: mtsleep lowers the level where wakeup is free, and a handler that runs then may wait for one")
    void handlersThatMtsleepLetsRunHoldUpNoWakeup(SplMode mode) {
        Sleepq sleepq = kernels.get().sleepq();
        Object ident = new Object();
        Levels.on(mode, spl -> {
            for (Mutex mutex : List.of(Mutex.netbsd("i", Ipl.VM), Mutex.openbsd("i", Ipl.VM, null))) {
                List<Ipl> ran = new ArrayList<>();
                InterruptLine line = InterruptLine.establish(Receiver.current(), "intr", Ipl.VM, value -> {
                    ran.add(spl.level());
                    assertThat(mutex.isHeldByCurrentThread()).isFalse();
                    Bounded.run("waker", () -> sleepq.wakeup(ident));
                });
                mutex.lock();
                assertThat(line.trigger()).isTrue();
                // The wake-up comes before the thread is asleep, and counts.
                assertThat(sleepq.mtsleep(ident, "mtsleep", TimeUnit.SECONDS.toNanos(30), mutex, true))
                        .isZero();
                assertThat(ran).containsExactly(Ipl.VM);
                assertThat(mutex.isHeldByCurrentThread()).isTrue();
                assertThat(spl.level()).isEqualTo(Ipl.VM);
                assertThat(sleepq.mtsleep(ident, "mtsleep", 1, mutex, false)).isEqualTo(Sleepq.EWOULDBLOCK);
                assertThat(mutex.isHeldByCurrentThread()).isFalse();
                assertThat(spl.level()).isEqualTo(Ipl.NONE);
                assertThatThrownBy(() -> sleepq.mtsleep(ident, "mtsleep", 1, mutex, true))
                        .isInstanceOf(IllegalMonitorStateException.class);
                assertThat(mutex.isHeldByCurrentThread()).isFalse();
                line.close();
            }
        });
    }
}
