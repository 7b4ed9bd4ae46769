// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.lang.reflect.Method;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Sandbox;
import org.percpu.thread.Affinity;

/** Affinity masks, each changed on a thread of its own. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class AffinityTest {
    @Test
    @Rule("NKT-7")
    @DisplayName("set puts the calling thread on exactly the given CPUs, by the kernel's word, and there it runs")
    void setPinsTheCaller() {
        for (int cpu : CpuTopology.system().allowed()) {
            Bounded.run("pinned", () -> {
                CpuSet one = CpuSet.of(cpu);
                Affinity.set(one);
                int tid = Machine.linux().gettid();
                assertThat(Proc.allowed(tid)).isEqualTo(one);
                assertThat(Affinity.get()).isEqualTo(one);
                assertThat(Affinity.get(tid)).isEqualTo(one);
                assertThat(Affinity.currentCpu()).isEqualTo(cpu);
            });
        }
    }

    @Test
    @Rule("NKT-7")
    @DisplayName("a mask that the kernel narrows is an error that names both, and the thread has its old mask again")
    void aNarrowedMaskIsAnError() {
        CpuSet allowed = CpuTopology.system().allowed();
        Bounded.run("narrowed", () -> {
            CpuSet wanted = CpuSet.of(allowed.first(), 1000);
            Refusal.byLinux(Errno.EINVAL, () -> Affinity.set(wanted)).contains(wanted.toString(), "{" + allowed + "}");
            assertThat(Proc.allowed(Machine.linux().gettid())).isEqualTo(allowed);
        });
    }

    @Test
    @Rule("NKT-7")
    @DisplayName(
            "a mask without any allowed CPU is EINVAL and changes nothing; an empty one is refused before the call")
    void aMaskWithoutAllowedCpus() {
        CpuSet allowed = CpuTopology.system().allowed();
        Bounded.run("impossible", () -> {
            Refusal.byLinux(Errno.EINVAL, () -> Affinity.set(CpuSet.of(1000))).contains("{1000}", "cpuset");
            Refusal.byLinux(Errno.EINVAL, () -> Affinity.set(CpuSet.of(100_000)));
            assertThatThrownBy(() -> Affinity.set(CpuSet.empty())).isInstanceOf(IllegalArgumentException.class);
            assertThat(Proc.allowed(Machine.linux().gettid())).isEqualTo(allowed);
        });
    }

    @Test
    @Rule("NKT-7")
    @DisplayName("one CPU after another: each time the thread has that one alone, by the kernel's word, and runs there")
    void oneCpuAfterAnother() {
        Machine.needsCpus(2);
        CpuSet allowed = CpuTopology.system().allowed();
        Bounded.run("moving", () -> {
            int tid = Machine.linux().gettid();
            for (int round = 0; round < 100; round++) {
                for (int cpu : allowed) {
                    Affinity.set(CpuSet.of(cpu));
                    assertThat(Affinity.currentCpu()).isEqualTo(cpu);
                    assertThat(Proc.allowed(tid)).isEqualTo(CpuSet.of(cpu));
                }
            }
            Refusal.byLinux(Errno.EINVAL, () -> Affinity.set(CpuSet.of(1000)));
            assertThat(Proc.allowed(tid)).isEqualTo(CpuSet.of(allowed.last()));
        });
    }

    @Test
    @Rule("NKT-7")
    @DisplayName("a sandbox in which setting the affinity reports success and does nothing is found out, each time")
    void aSandboxThatPretends() {
        Machine.needsCpus(2);
        String[] sandbox = Sandbox.of("sched_setaffinity=0");
        CpuSet allowed = CpuTopology.system().allowed();
        CpuSet first = CpuSet.of(allowed.first());
        assertThat(Fork.of(Pretended.class)
                        .under(sandbox)
                        .argument(allowed.toString())
                        .argument(allowed.toString())
                        .run())
                .contains("found out");
        assertThat(Fork.of(Pretended.class)
                        .under("taskset", "-c", first.toString())
                        .under(sandbox)
                        .argument(first.toString())
                        .argument(allowed.minus(first).toString())
                        .run())
                .contains("found out");
    }

    @Test
    @Rule("NKT-8")
    @DisplayName(
            "a sandbox that forbids setting the affinity: threads whose mask is right already are made; for others the message names the sandbox, not other CPUs")
    void aSandboxThatForbids() {
        for (Errno errno : List.of(Errno.EPERM, Errno.ENOSYS)) {
            String output = Fork.of(ForbiddenAffinity.class)
                    .under(Sandbox.of("sched_setaffinity=" + errno.number()))
                    .argument(errno.name())
                    .run();
            assertThat(output).contains("none is refused that wants nothing");
            if (Affinity.get().size() > 1) {
                assertThat(output).contains("a bound thread is told " + errno);
            } else {
                System.out.println("skipped: with one allowed CPU no thread can be bound to fewer");
            }
        }
    }

    @Test
    @DisplayName("the mask of a thread that does not exist is ESRCH")
    void aThreadThatDoesNotExist() {
        Refusal.byLinux(Errno.ESRCH, () -> Affinity.get(Integer.MAX_VALUE)).contains("alive");
    }

    @Test
    @DisplayName("a virtual thread may neither set nor read the affinity, which would be its carrier's")
    void virtualThreadsAreRefused() throws ReflectiveOperationException {
        Machine.skipUnless(Runtime.version().feature() >= 21, "no virtual threads before Java 21");
        AtomicReference<Throwable> set = new AtomicReference<>();
        AtomicReference<Throwable> get = new AtomicReference<>();
        CpuSet allowed = CpuTopology.system().allowed();
        Method start = Thread.class.getMethod("startVirtualThread", Runnable.class);
        Runnable body = () -> {
            get.set(catchThrowable(Affinity::get));
            set.set(catchThrowable(() -> Affinity.set(CpuSet.of(allowed.first()))));
        };
        Thread thread = (Thread) start.invoke(null, body);
        Bounded.until("the virtual thread ends", () -> !thread.isAlive());
        assertThat(set.get())
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContainingAll("virtual", "platform thread");
        assertThat(get.get()).isInstanceOf(UnsupportedOperationException.class);
    }
}
