// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.ReadOnlyFileSystemException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

@DisplayName("A simulated machine")
class SimMachineTest {
    private static final int SIGNAL = 40;

    private static SimMachine machine(String shape, String faults) {
        return SimMachine.of(shape, Faults.parse(faults), false);
    }

    private static ByteBuffer word() {
        return ByteBuffer.allocateDirect(64).order(ByteOrder.nativeOrder());
    }

    private static String maskOfSelf(LinuxCalls linux) {
        long[] mask = new long[128];
        assertThat(linux.sched_getaffinity(0, mask)).isZero();
        return Cpus.format(Cpus.ofMask(mask));
    }

    private static Thread start(Runnable body) {
        Thread thread = new Thread(body, "sim-test");
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    @Test
    @DisplayName("has the CPUs of its shape, and files that say so")
    void shape() throws Exception {
        SimMachine machine = machine("2x8x2", "");
        assertThat(maskOfSelf(machine.calls())).isEqualTo("0-31");
        Path cpu = machine.root().resolve("sys/devices/system/cpu");
        assertThat(Files.readString(cpu.resolve("online"))).isEqualTo("0-31");
        assertThat(Files.readString(cpu.resolve("cpu9/topology/core_cpus_list")))
                .isEqualTo("9,25");
        assertThat(Files.readString(cpu.resolve("cpu9/topology/physical_package_id")))
                .isEqualTo("1");
        assertThat(Files.readString(cpu.resolve("cpu9/cache/index3/shared_cpu_list")))
                .isEqualTo("8-15,24-31");
    }

    @Test
    @DisplayName("refuses what is no machine, with the forms that are")
    void noMachine() {
        assertThatThrownBy(() -> machine("2x0", "")).hasMessageContaining("\"2x0\" has 0 CPUs");
        assertThatThrownBy(() -> machine("nowhere", ""))
                .hasMessageContaining("\"nowhere\" is no machine")
                .hasMessageContaining("2x8x2");
        assertThatThrownBy(() -> machine("8", "sprious=1"))
                .hasMessageContaining("\"sprious=1\"")
                .hasMessageContaining("spurious");
        assertThatThrownBy(() -> machine("8", "spurious=2")).hasMessageContaining("\"spurious=2\"");
    }

    @Test
    @DisplayName("runs a pinned thread on its CPU, moves an unpinned one, and a child inherits its parent's mask")
    void affinity() throws Exception {
        SimMachine machine = machine("8", "");
        LinuxCalls linux = machine.calls();
        CompletableFuture<String> child = new CompletableFuture<>();
        start(() -> {
            List<Integer> seen = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                seen.add(linux.sched_getcpu());
            }
            assertThat(seen.stream().distinct()).hasSizeGreaterThan(4);
            assertThat(linux.sched_setaffinity(0, new long[] {1 << 5})).isZero();
            assertThat(linux.sched_getcpu()).isEqualTo(5);
            start(() -> child.complete(maskOfSelf(linux)));
        });
        assertThat(child.get(10, TimeUnit.SECONDS)).isEqualTo("5");
        assertThat(linux.sched_setaffinity(0, new long[] {0, 1})).isEqualTo(-Errno.EINVAL.number());
        assertThat(linux.sched_setaffinity(4711, new long[] {1})).isEqualTo(-Errno.ESRCH.number());
    }

    @Test
    @DisplayName("widens the mask of a thread whose only CPU goes offline, and does not narrow it when the CPU is back")
    void offline() {
        SimMachine machine = machine("4", "");
        LinuxCalls linux = machine.calls();
        assertThat(linux.sched_setaffinity(0, new long[] {1 << 3})).isZero();
        machine.offline(3);
        assertThat(maskOfSelf(linux)).isEqualTo("0-2");
        assertThat(linux.sched_setaffinity(0, new long[] {1 << 3})).isEqualTo(-Errno.EINVAL.number());
        machine.online(3);
        assertThat(machine.maskOf(linux.gettid())).isEqualTo("0-3");
        assertThat(linux.sched_setaffinity(0, new long[] {1 << 3})).isZero();
        assertThatThrownBy(() -> {
                    machine.offline(0);
                    machine.offline(1);
                    machine.offline(2);
                    machine.offline(3);
                })
                .hasMessageContaining("CPU 3 cannot be taken offline");
    }

    @Test
    @DisplayName("gives a thread what it asked for within a new cpuset, and all of the set if that is nothing")
    void cpuset() {
        SimMachine machine = machine("6", "");
        LinuxCalls linux = machine.calls();
        assertThat(linux.sched_setaffinity(0, new long[] {0b110000})).isZero();
        machine.cpuset("0-4");
        assertThat(maskOfSelf(linux)).isEqualTo("4");
        machine.cpuset("0-1");
        assertThat(maskOfSelf(linux)).isEqualTo("0-1");
        machine.cpuset("0-5");
        assertThat(maskOfSelf(linux)).isEqualTo("4-5");
    }

    @Test
    @DisplayName("lets real-time policies up to the limit, and resets them in children if asked to")
    void policies() throws Exception {
        LinuxCalls linux = machine("2", "").calls();
        CompletableFuture<Integer> child = new CompletableFuture<>();
        start(() -> {
            int fifo = LinuxCalls.SCHED_FIFO | LinuxCalls.SCHED_RESET_ON_FORK;
            assertThat(linux.pthread_setschedparam(linux.pthread_self(), fifo, 50))
                    .isZero();
            assertThat(linux.sched_getscheduler(0)).isEqualTo(fifo);
            assertThat(linux.pthread_setschedparam(linux.pthread_self(), LinuxCalls.SCHED_OTHER, 1))
                    .isEqualTo(-Errno.EINVAL.number());
            start(() -> child.complete(linux.sched_getscheduler(0)));
        });
        assertThat(child.get(10, TimeUnit.SECONDS)).isEqualTo(LinuxCalls.SCHED_OTHER);
    }

    @Test
    @DisplayName("wakes sleepers of a word in their order, and says EAGAIN, ETIMEDOUT and EFAULT as futex(2) does")
    void futex() {
        LinuxCalls linux = machine("2", "").calls();
        ByteBuffer word = word();
        long address = linux.address(word);
        assertThat(linux.address(word)).isEqualTo(address);
        assertThat(linux.futex_wait(address, 1, LinuxCalls.FOREVER)).isEqualTo(-Errno.EAGAIN.number());
        assertThat(linux.futex_wait(address, 0, 1000)).isEqualTo(-Errno.ETIMEDOUT.number());
        assertThat(linux.futex_wait(8, 0, 0)).isEqualTo(-Errno.EFAULT.number());
        assertThat(linux.futex_wait(address + 1, 0, 0)).isEqualTo(-Errno.EFAULT.number());
        AtomicInteger awake = new AtomicInteger();
        for (int i = 0; i < 3; i++) {
            start(() -> {
                assertThat(linux.futex_wait(address, 0, LinuxCalls.FOREVER)).isZero();
                awake.incrementAndGet();
            });
        }
        AtomicInteger woken = new AtomicInteger();
        Awaitility.await()
                .atMost(Duration.ofSeconds(10))
                .until(() -> woken.addAndGet(linux.futex_wake(address, 1)) == 3);
        Awaitility.await().atMost(Duration.ofSeconds(10)).until(() -> awake.get() == 3);
        assertThat(linux.futex_wake(address, 1)).isZero();
    }

    @Test
    @DisplayName("ends a futex wait with EINTR when a handled signal comes, and keeps a Java interrupt")
    void interrupted() throws Exception {
        LinuxCalls linux = machine("2", "").calls();
        linux.call(linux.dlsym(linux.dlopen(null), "signal"), SIGNAL, 0, 0, 0, 0, 0);
        ByteBuffer word = word();
        long address = linux.address(word);
        CompletableFuture<Long> self = new CompletableFuture<>();
        CompletableFuture<Integer> result = new CompletableFuture<>();
        CompletableFuture<Boolean> flag = new CompletableFuture<>();
        start(() -> {
            Thread.currentThread().interrupt();
            self.complete(linux.pthread_self());
            result.complete(linux.futex_wait(address, 0, LinuxCalls.FOREVER));
            flag.complete(Thread.interrupted());
        });
        long target = self.get(10, TimeUnit.SECONDS);
        Awaitility.await().atMost(Duration.ofSeconds(10)).until(() -> {
            if (!result.isDone()) {
                assertThat(linux.pthread_sigqueue(target, SIGNAL, 1)).isIn(0, -Errno.ESRCH.number());
            }
            return result.isDone();
        });
        assertThat(result.get()).isEqualTo(-Errno.EINTR.number());
        assertThat(flag.get()).isTrue();
    }

    @Test
    @DisplayName(
            "queues blocked real-time signals in order, the lowest number first, and refuses one that nobody handles")
    void signals() {
        LinuxCalls linux = machine("2", "").calls();
        long set = 1L << (SIGNAL - 1) | 1L << SIGNAL;
        assertThat(linux.pthread_sigmask(LinuxCalls.SIG_BLOCK, new long[] {set}, null))
                .isZero();
        long self = linux.pthread_self();
        assertThat(linux.pthread_sigqueue(self, SIGNAL + 1, 3)).isZero();
        assertThat(linux.pthread_sigqueue(self, SIGNAL, 1)).isZero();
        assertThat(linux.pthread_sigqueue(self, SIGNAL, 2)).isZero();
        long[] pending = new long[1];
        linux.sigpending(pending);
        assertThat(pending[0]).isEqualTo(set);
        long[] value = new long[2];
        List<Long> values = new ArrayList<>();
        while (linux.sigtimedwait(set, value, 0) > 0) {
            values.add(value[0]);
        }
        assertThat(values).containsExactly(1L, 2L, 3L);
        assertThatThrownBy(() -> linux.pthread_kill(self, 50)).hasMessageContaining("signal 50 would end the process");
    }

    @Test
    @DisplayName("fires timers in virtual time exactly at their times")
    void virtualTime() {
        SimMachine machine = SimMachine.of("2", Faults.NONE, true);
        LinuxCalls linux = machine.calls();
        linux.pthread_sigmask(LinuxCalls.SIG_BLOCK, new long[] {1L << (SIGNAL - 1)}, null);
        long timer = linux.timer_create(LinuxCalls.CLOCK_MONOTONIC, SIGNAL, linux.gettid(), 7);
        assertThat(timer).isPositive();
        assertThat(linux.timer_settime(timer, 1_000_000, 2_000_000)).isZero();
        machine.advance(999_999);
        long[] value = new long[2];
        assertThat(linux.sigtimedwait(1L << (SIGNAL - 1), value, 0)).isEqualTo(-Errno.EAGAIN.number());
        machine.advance(4_000_001);
        int expiries = 0;
        while (linux.sigtimedwait(1L << (SIGNAL - 1), value, 0) > 0) {
            expiries++;
        }
        assertThat(expiries).isEqualTo(3);
        assertThat(value[0]).isEqualTo(7);
        CountDownLatch over = new CountDownLatch(1);
        ByteBuffer word = word();
        long address = linux.address(word);
        start(() -> {
            assertThat(linux.futex_wait(address, 0, 10_000_000_000L)).isEqualTo(-Errno.ETIMEDOUT.number());
            over.countDown();
        });
        Awaitility.await().atMost(Duration.ofSeconds(10)).until(() -> {
            machine.advance(1_000_000_000L);
            return over.getCount() == 0;
        });
    }

    @Test
    @DisplayName("meets the same faults in the same calls with the same seed, and others with another")
    void seeds() {
        assertThat(spurious("seed=1,spurious=0.5")).isEqualTo(spurious("seed=1,spurious=0.5"));
        assertThat(spurious("seed=1,spurious=0.5")).isNotEqualTo(spurious("seed=2,spurious=0.5"));
        assertThat(spurious("seed=1,spurious=0")).doesNotContain(0);
        assertThat(spurious("seed=1,spurious=1")).containsOnly(0);
    }

    private static List<Integer> spurious(String faults) {
        LinuxCalls linux = machine("2", faults).calls();
        ByteBuffer word = word();
        long address = linux.address(word);
        List<Integer> results = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            results.add(linux.futex_wait(address, 0, 0));
        }
        return results;
    }

    @Test
    @DisplayName("narrows, pretends and refuses when its seed says so")
    void liesAndRefusals() {
        LinuxCalls narrow = machine("4", "narrow=1").calls();
        assertThat(narrow.sched_setaffinity(0, new long[] {0b111})).isZero();
        assertThat(maskOfSelf(narrow)).isEqualTo("0-1");
        LinuxCalls pretend = machine("4", "pretend=1").calls();
        assertThat(pretend.sched_setaffinity(0, new long[] {1})).isZero();
        assertThat(maskOfSelf(pretend)).isEqualTo("0-3");
        LinuxCalls denied = machine("4", "eperm=1").calls();
        assertThat(denied.pthread_setschedparam(denied.pthread_self(), LinuxCalls.SCHED_FIFO, 1))
                .isEqualTo(-Errno.EPERM.number());
    }

    @Test
    @DisplayName("keeps one CPU at least while its seed takes them away and brings them back")
    void hotplugFaults() {
        SimMachine machine = machine("4", "seed=7,offline=0.3,shrink=0.3");
        LinuxCalls linux = machine.calls();
        List<String> masks = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            masks.add(maskOfSelf(linux));
        }
        assertThat(masks).doesNotContain("");
        assertThat(masks.stream().distinct()).hasSizeGreaterThan(4);
    }

    @Test
    @DisplayName("memory of any size has that size, zeroed, at an address that starts a cache line")
    void allocatedMemoryIsWhole() {
        LinuxCalls linux = SimMachine.of("2", Faults.NONE, false).calls();
        for (int bytes : new int[] {1, 8, 63, 64, 65, 104, 4096}) {
            for (int i = 0; i < 20; i++) {
                ByteBuffer memory = linux.allocate(bytes);
                assertThat(memory.capacity()).isEqualTo(bytes);
                assertThat(memory.get(bytes - 1)).isZero();
                assertThat(memory.alignmentOffset(0, 64)).isZero();
            }
        }
    }

    @Test
    @DisplayName("has a membarrier(2) for a process that registers, unless it is a machine without")
    void membarrier() {
        LinuxCalls linux = machine("2", "").calls();
        int fence = LinuxCalls.MEMBARRIER_CMD_PRIVATE_EXPEDITED;
        assertThat(linux.membarrier(fence)).isEqualTo(-Errno.EPERM.number());
        assertThat(linux.membarrier(LinuxCalls.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
                .isZero();
        assertThat(linux.membarrier(fence)).isZero();
        assertThat(linux.membarrier(1 << 30)).isEqualTo(-Errno.EINVAL.number());
    }

    @Test
    @DisplayName("starts again with its whole cpuset and no faults, and memory and the numbers of threads go on")
    void restart() {
        SimMachine before = SimMachine.ofProcess();
        LinuxCalls linux = before.calls();
        ByteBuffer word = linux.allocate(8).putInt(0, 42);
        long address = linux.address(word);
        int tid = linux.gettid();
        before.cpuset("0-1");
        before.faults(Faults.parse("pretend=1"));
        assertThat(linux.membarrier(LinuxCalls.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
                .isZero();
        System.setProperty("percpu.sim.membarrier", "no");
        try {
            SimMachine after = SimMachine.restart();
            assertThat(after).isNotSameAs(before).isSameAs(SimMachine.ofProcess());
            assertThat(after.calls()).isSameAs(linux);
            assertThat(maskOfSelf(linux)).isEqualTo("0-3");
            assertThat(linux.gettid()).isGreaterThan(tid);
            assertThat(linux.sched_setaffinity(0, new long[] {1})).isZero();
            assertThat(maskOfSelf(linux)).isEqualTo("0");
            assertThat(linux.address(word)).isEqualTo(address);
            assertThat(linux.memory(address, 8).getInt(0)).isEqualTo(42);
            assertThat(linux.membarrier(LinuxCalls.MEMBARRIER_CMD_PRIVATE_EXPEDITED))
                    .isEqualTo(-Errno.ENOSYS.number());
        } finally {
            System.clearProperty("percpu.sim.membarrier");
            assertThat(SimMachine.restart().calls()).isSameAs(linux);
        }
    }

    @Test
    @DisplayName("shows its files in memory, which can be listed and read, and not written")
    void files() throws Exception {
        Path root = machine("2x1", "").root();
        Path cpu = root.resolve("sys/devices/system/cpu");
        try (var entries = Files.newDirectoryStream(cpu)) {
            assertThat(entries)
                    .extracting(path -> path.getFileName().toString())
                    .contains("cpu0", "cpu1", "online");
        }
        assertThat(Files.isDirectory(cpu)).isTrue();
        assertThat(Files.exists(cpu.resolve("cpu2"))).isFalse();
        assertThat(cpu.resolve("../node/online").normalize()).isEqualTo(root.resolve("sys/devices/system/node/online"));
        assertThat(Files.readString(cpu.resolve("../node/online"))).isEqualTo("0-1");
        assertThatThrownBy(() -> Files.readString(cpu)).hasMessageContaining("Is a directory");
        assertThatThrownBy(() -> Files.readString(cpu.resolve("none"))).isInstanceOf(NoSuchFileException.class);
        assertThatThrownBy(() -> Files.writeString(cpu.resolve("online"), "0"))
                .isInstanceOf(ReadOnlyFileSystemException.class);
        assertThatThrownBy(() -> Files.delete(cpu.resolve("online"))).isInstanceOf(ReadOnlyFileSystemException.class);
    }
}
