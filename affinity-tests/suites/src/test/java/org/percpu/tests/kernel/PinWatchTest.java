// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Isolated;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Alone;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Cpuset;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;
import org.percpu.thread.ThreadState;

/** Pins that somebody else takes away are set again, and counted. */
@Isolated("takes a CPU offline")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Alone
class PinWatchTest {
    @RegisterExtension
    final TestKernel test = new TestKernel();

    @Test
    @Rule({"NKT-7", "NWQ-6"})
    @DisplayName("NKT-7: a worker whose mask is changed from outside is pinned again, counted once, and keeps working")
    void aMaskChangedFromOutsideIsSetAgain() {
        Machine.needsCpus(2);
        Kernel kernel = test.with(settings -> settings.pinWatch(Duration.ofMillis(10)));
        Cpu mine = kernel.cpus().get(1);
        CountDownLatch ran = new CountDownLatch(1);
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "watched",
                (work, arg) -> ran.countDown(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        ThreadState before = wq.workers().get(1).thread();
        assertThat(before.pinsLost()).isZero();
        assertThat(Machine.linux()
                        .sched_setaffinity(
                                before.tid(),
                                CpuSet.of(kernel.cpus().get(0).id()).toMask()))
                .isZero();
        Bounded.until("it is pinned again", () -> wq.workers().get(1).thread().pinsLost() > 0);
        ThreadState after = wq.workers().get(1).thread();
        assertThat(after.pinned()).isTrue();
        assertThat(after.pinsLost()).isEqualTo(1);
        assertThat(Proc.allowed(after.tid())).isEqualTo(CpuSet.of(mine.id()));
        assertThat(wq.workers().get(0).thread().pinsLost()).isZero();
        wq.enqueue(new Work(), mine);
        Bounded.arrive(ran);
        wq.destroy();
    }

    @Test
    @Rule("NKT-7")
    @DisplayName("with the watch off nobody touches the mask, and the state shows that the pin is lost")
    void withoutTheWatchTheStateTells() {
        Machine.needsCpus(2);
        Kernel kernel = test.get();
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "unwatched",
                (work, arg) -> {},
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        int tid = wq.workers().get(1).thread().tid();
        CpuSet other = CpuSet.of(kernel.cpus().get(0).id());
        assertThat(Machine.linux().sched_setaffinity(tid, other.toMask())).isZero();
        ThreadState state = wq.workers().get(1).thread();
        assertThat(state.pinned()).isFalse();
        assertThat(state.allowed()).isEqualTo(other);
        assertThat(kernel.lwps()).anyMatch(lwp -> lwp.thread().repin() && lwp.tid() == tid);
        assertThat(wq.workers().get(1).thread().pinned()).isTrue();
        assertThat(wq.workers().get(1).thread().pinsLost()).isEqualTo(1);
        wq.destroy();
    }

    @Test
    @Rule("NKT-7")
    @DisplayName("a watch whose period is as long as a Duration can be waits, and ends with its kernel")
    void aHugePeriod() {
        AtomicReference<Throwable> died = new AtomicReference<>();
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> died.set(thrown));
        try {
            for (Duration period : List.of(Duration.ofSeconds(Long.MAX_VALUE), Duration.ofNanos(Long.MAX_VALUE))) {
                long watches = Proc.named("pinwatch");
                Kernel kernel = test.with(settings -> settings.pinWatch(period));
                Kthread.create(kernel, -1, Kthread.KTHREAD_MPSAFE, null, arg -> {}, null, "short");
                Bounded.until("the watch is there", () -> Proc.named("pinwatch") == watches + 1);
                Bounded.until("it waits", () -> Proc.tids().stream()
                        .filter(tid -> Proc.isNamed(tid, "pinwatch"))
                        .allMatch(tid -> Proc.state(tid) == 'S'));
                kernel.close();
                Bounded.until("the watch ends", () -> Proc.named("pinwatch") == watches);
            }
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
        assertThat(died.get()).isNull();
    }

    @Test
    @Rule({"NKT-7", "NWQ-3"})
    @DisplayName("threads bound to no CPU whose CPUs become fewer lose no pin and warn of nothing; bound ones do, once")
    void aCpusetShrinksAndGrows() {
        Machine.needsCpus(2);
        Cpuset group = Cpuset.make("watched");
        try {
            group.cpus(CpuTopology.system().allowed());
            String output = group.fork(ShrunkCpuset.class)
                    .argument(group.path().toString())
                    .run();
            assertThat(output).contains("as promised");
        } finally {
            group.remove();
        }
    }

    @Test
    @Rule({"U21", "NWQ-6"})
    @DisplayName(
            "a kernel that follows its CPUs takes in those that come, with a worker and an index for each, and keeps those that"
                    + " go; another one keeps its table")
    void cpusThatComeLater() {
        Machine.needsCpus(2);
        CpuSet all = CpuTopology.system().allowed();
        Cpuset group = Cpuset.make("followed");
        try {
            group.cpus(CpuSet.of(all.last()));
            String output = group.fork(FollowedCpuset.class)
                    .argument(group.path().toString())
                    .argument(all.toString())
                    .run();
            assertThat(output).contains("followed");
        } finally {
            group.remove();
        }
    }

    @Test
    @Rule("U21")
    @DisplayName("a kernel that is to follow its CPUs without a watch to find them is refused, with the remedy")
    void followingNeedsTheWatch() {
        assertThatThrownBy(() -> test.with(settings -> settings.followCpus(true)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("pinWatch");
        Kernel kernel = test.with(settings -> settings.followCpus(true).pinWatch(Duration.ofMillis(10)));
        assertThat(kernel.cpus()).hasSameSizeAs(test.get().cpus());
    }

    private static Path online(int cpu) {
        return Path.of("/sys/devices/system/cpu/cpu" + cpu + "/online");
    }

    /** Skips where none can be taken offline, or would be lost. */
    private int aCpuThatGoes() throws IOException {
        Machine.needsLinux("a CPU that goes offline in /sys");
        Machine.needsRoot("to take a CPU offline");
        Machine.needsCpus(2);
        int cpu = test.lastCpu().id();
        Path online = online(cpu);
        Machine.skipUnless(Files.isWritable(online), "CPU " + cpu + " cannot be taken offline: no writable " + online);
        // Under cgroup v1 a CPU that went offline does not come back into any cpuset but the root one.
        Path cpuset = Path.of("/proc/self/cpuset");
        Machine.skipUnless(
                !Files.exists(cpuset) || Files.readString(cpuset).strip().equals("/"),
                "a cpuset other than the root one could lose CPU " + cpu + " for good");
        return cpu;
    }

    @Test
    @Tag("offline")
    @Rule({"U21", "NWQ-6"})
    @DisplayName(
            "a CPU that was offline when kernels that follow their CPUs were made is taken in when it comes online")
    void aCpuThatWasOfflineAtFirst() throws IOException {
        int cpu = aCpuThatGoes();
        CpuSet all = CpuTopology.system().allowed();
        String output;
        try {
            Files.writeString(online(cpu), "0");
            output = Fork.of(OfflineAtBuild.class)
                    .argument(Integer.toString(cpu))
                    .argument(all.toString())
                    .run();
        } finally {
            Files.writeString(online(cpu), "1");
        }
        assertThat(output).contains("taken in");
        Bounded.until(
                "this process may use the CPU again",
                () -> Proc.allowed(Machine.linux().gettid()).contains(cpu));
    }

    @Test
    @Rule({"U21", "NWQ-6"})
    @DisplayName(
            "CPUs that were there at first, and that nobody has named, stay out of a kernel that follows its CPUs, also when they become part of the mask of the process")
    void cpusThatNobodyHasNamed() {
        Machine.needsCpus(2);
        String first = Integer.toString(test.lastCpu().id());
        assertThat(Fork.of(LeftOutCpus.class).under("taskset", "-c", first).run())
                .contains("left out");
    }

    @Test
    @Tag("offline")
    @Rule({"NKT-7", "NWQ-6", "U21", "NWQ-3"})
    @DisplayName(
            "NKT-7: a worker whose CPU goes offline lives on and runs its works, nothing new is made for it; with the CPU back it is pinned again")
    void aCpuGoesOfflineAndComesBack() throws IOException {
        int cpu = aCpuThatGoes();
        Path online = online(cpu);
        try {
            String output =
                    Fork.of(OfflineCpu.class).argument(Integer.toString(cpu)).run();
            assertThat(output).contains("pinned again after the CPU came back");
        } finally {
            Files.writeString(online, "1");
        }
        Bounded.until(
                "this process may use the CPU again",
                () -> Proc.allowed(Machine.linux().gettid()).contains(cpu));
    }
}
