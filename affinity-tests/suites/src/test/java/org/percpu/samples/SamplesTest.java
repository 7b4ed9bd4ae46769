// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.SplSupport;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;

/** Each sample, in a JVM of its own as its reader runs it, prints what its comment says. */
class SamplesTest {
    private static List<String> linesOf(Class<?> sample) {
        return Fork.of(sample).run().lines().toList();
    }

    @Test
    @DisplayName("sample 1 pins a thread to the last CPU")
    void pinOneThread() {
        List<Cpu> cpus = CpuTopology.system().allowedCpus();
        int last = cpus.get(cpus.size() - 1).id();
        assertThat(linesOf(Sample01_PinOneThread.class))
                .containsExactly("asked for CPU " + last + ", the kernel allows " + last + ", running on CPU " + last);
    }

    @Test
    @DisplayName("sample 2 sends a work to each CPU")
    void perCpuDeferral() {
        List<String> expected = new ArrayList<>();
        for (Cpu cpu : CpuTopology.system().allowedCpus()) {
            expected.add("sent to CPU " + cpu.id() + ", ran on CPU " + cpu.id());
        }
        expected.add("every work has run");
        assertThat(linesOf(Sample02_PerCpuDeferral.class)).containsExactlyElementsOf(expected);
    }

    @Test
    @DisplayName("sample 3 coalesces, deletes and waits for tasks")
    void taskqDelBarrier() {
        assertThat(linesOf(Sample03_TaskqDelBarrier.class))
                .containsExactly(
                        "add: true, add again: false",
                        "del: true, del again: false",
                        "link state checked",
                        "barrier passed",
                        "delBarrier: false");
    }

    @Test
    @DisplayName("sample 4 shows that a sleep lets another thread have the kernel lock")
    void kernelLock() {
        assertThat(linesOf(Sample04_KernelLock.class))
                .containsExactly(
                        "sleeper: balance is 100, going to sleep",
                        "other: runs under the lock while the sleeper sleeps, takes 60",
                        "sleeper: awake under the lock again, balance is 40");
    }

    @Test
    @DisplayName("sample 7 moves, stops and repeats callouts")
    void callout() {
        assertThat(linesOf(Sample07_Callout.class))
                .containsExactly(
                        "pending: true",
                        "stopped, pending: false",
                        "tick 1",
                        "tick 2",
                        "tick 3",
                        "halted, none early: true");
    }

    @Test
    @DisplayName("sample 8 closes idle connections")
    void idleTimeouts() {
        assertThat(linesOf(Sample08_IdleTimeouts.class))
                .containsExactly(
                        "100000 connections are open",
                        "1000000 bytes came, and each moved the timeout of its connection",
                        "10 silent connections were closed",
                        "99990 timeouts were pending at the end");
    }

    @Test
    @DisplayName("sample 10 tries a request again after longer and longer pauses")
    void retryLater() {
        assertThat(linesOf(Sample10_RetryLater.class))
                .containsExactly(
                        "try 1 failed, the next one in 5 ms",
                        "try 2 failed, the next one in 10 ms",
                        "try 3 failed, the next one in 20 ms",
                        "try 4 succeeded, none came early: true",
                        "another request was WAITING when it was cancelled");
    }

    @Test
    @DisplayName("sample 9 serves, and its stall is on the console")
    void findTheStall() {
        List<String> lines =
                Fork.of(Sample09_FindTheStall.class).argument("1").run().lines().toList();
        assertThat(lines.get(0)).matches("process \\d+ serves for 1 s: look at it with percpu top, percpu dump");
        assertThat(lines).anyMatch(line -> line.contains("stall: reload runs reload of the table for "));
        assertThat(lines).anyMatch(line -> line.contains("Sample09_FindTheStall.slowDisk("));
    }

    @Test
    @DisplayName("sample 5 boots a cold kernel and runs what has waited")
    void deferredBoot() {
        assertThat(linesOf(Sample05_DeferredBoot.class))
                .containsExactly(
                        "disk0 attaches, cold: true",
                        "net0 attaches, cold: true",
                        "threads can be made, cold: false",
                        "task of disk0 runs",
                        "task of net0 runs");
    }

    @Test
    @DisplayName("sample 6 posts works from a native thread and from a signal handler")
    void postFromC(@TempDir Path folder) throws IOException, InterruptedException {
        Machine.skipUnless(
                Runtime.version().feature() >= 22,
                "sample 6 calls C by java.lang.foreign, which needs Java 22 or newer");
        Machine.needsCommand("sample 6 needs a C compiler (Debian: apt-get install gcc libc6-dev)", "cc", "--version");
        Machine.skipUnless(
                SplSupport.get().library() != null,
                "sample 6 needs libpercpu.so: " + SplSupport.get().reason());
        Path sample = Path.of("../cli/src/samples/Sample06_PostFromC");
        String library = folder.resolve("libsample06.so").toString();
        assertThat(run(
                        folder,
                        "cc -std=c11 -Wall -Wextra -Werror -shared -fPIC -pthread -I../../native/include -o " + library
                                + " " + sample.resolve("sample06.c")))
                .isEmpty();
        List<Cpu> cpus = CpuTopology.system().allowedCpus();
        List<String> expected = new ArrayList<>();
        for (int value = 1; value <= 3; value++) {
            int cpu = cpus.get(0).id();
            expected.add("a native thread posted " + value + " to CPU " + cpu + ", received on CPU " + cpu);
        }
        for (int value = 1; value <= 3; value++) {
            int cpu = cpus.get(cpus.size() - 1).id();
            expected.add("a signal handler posted " + value + " to CPU " + cpu + ", received on CPU " + cpu);
        }
        String backend = System.getProperty("percpu.backend");
        assertThat(run(
                        folder,
                        Path.of(System.getProperty("java.home"), "bin", "java")
                                + " --enable-native-access=ALL-UNNAMED -XX:-UsePerfData"
                                + (backend == null ? "" : " -Dpercpu.backend=" + backend)
                                + " -cp " + System.getProperty("java.class.path") + " "
                                + sample.resolve("Sample06_PostFromC.java") + " " + library))
                .containsExactlyElementsOf(expected);
    }

    @Test
    @Tag("once")
    @DisplayName("sample 11: each of Netty's event loops is on its CPU, by /proc, while 10^5 requests are echoed")
    void nettyEventLoops(@TempDir Path folder) throws IOException, InterruptedException {
        Machine.needsLinux("sockets, and another process");
        List<String> expected = new ArrayList<>();
        expected.add("100000 requests were echoed");
        List<Cpu> cpus = CpuTopology.system().allowedCpus();
        for (int i = 0; i < cpus.size(); i++) {
            expected.add("io-" + i + " is on CPU " + cpus.get(i).id() + ", by /proc");
        }
        assertThat(source(folder, "Sample11_NettyEventLoops", "100000")).containsExactlyElementsOf(expected);
    }

    @Test
    @Tag("once")
    @DisplayName("sample 12 has a virtual thread for each request, and a CPU for each customer")
    void requestPerVirtualThread(@TempDir Path folder) throws IOException, InterruptedException {
        Machine.skipUnless(Runtime.version().feature() >= 21, "virtual threads came with Java 21");
        assertThat(source(folder, "Sample12_RequestPerVirtualThread", ""))
                .containsExactly(
                        "10000 requests of 100 customers were answered",
                        "every customer had one CPU, and its requests were counted without a lock");
    }

    @Test
    @Tag("once")
    @DisplayName("sample 13 gives a factory to a ThreadPoolExecutor, and executors to a framework")
    void poolsAndSchedulers(@TempDir Path folder) throws IOException, InterruptedException {
        List<Cpu> cpus = CpuTopology.system().allowedCpus();
        int last = cpus.get(cpus.size() - 1).id();
        assertThat(source(folder, "Sample13_PoolsAndSchedulers", ""))
                .containsExactly(
                        "the pool's threads were on the CPUs "
                                + cpus.stream().map(Cpu::id).toList(),
                        "the task executor ran on CPU " + last,
                        "the scheduler ticked 3 times on CPU " + last);
    }

    /** What a sample prints that is run as a source file. */
    private static List<String> source(Path folder, String sample, String argument)
            throws IOException, InterruptedException {
        String backend = System.getProperty("percpu.backend");
        return run(
                folder,
                (Path.of(System.getProperty("java.home"), "bin", "java")
                                + " --enable-native-access=ALL-UNNAMED -XX:-UsePerfData -Dslf4j.internal.verbosity=ERROR"
                                + (backend == null ? "" : " -Dpercpu.backend=" + backend)
                                + " -cp " + System.getProperty("java.class.path")
                                + " ../cli/src/samples/" + sample + "/" + sample + ".java " + argument)
                        .trim());
    }

    /** What a command prints; it must exit with 0. */
    private static List<String> run(Path folder, String command) throws IOException, InterruptedException {
        Path output = folder.resolve("output");
        Process process = new ProcessBuilder(command.split(" ", -1))
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = process.waitFor(1, TimeUnit.MINUTES);
        if (!ended) {
            process.destroyForcibly();
        }
        List<String> lines = Files.readAllLines(output);
        assertThat(ended).as("%s ends: %s", command, lines).isTrue();
        assertThat(process.exitValue()).as("%s: %s", command, lines).isZero();
        return lines;
    }
}
