// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelBuilder;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.ShutdownReport;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Affinity;
import org.percpu.thread.KernelThread;
import org.percpu.thread.Pri;

/**
 * Kernels for one test. Behind the test they are closed, and the test fails if a thread is left, if a kernel printed something that
 * the test did not expect (a leak report is such a thing), or if a callback threw that was not meant to.
 */
public final class TestKernel implements BeforeEachCallback, AfterEachCallback {
    private static final String WATCH = "pinwatch";

    /** A call of the fault handler. */
    public record Fault(String queue, Object item, Throwable thrown, Thread thread) {}

    private final List<Kernel> kernels = new ArrayList<>();
    private final List<String> console = new CopyOnWriteArrayList<>();
    private final List<Fault> faults = new CopyOnWriteArrayList<>();
    private boolean consoleExpected;
    private boolean faultsExpected;
    private boolean sharesWorkers;
    private boolean sharesAlways;
    private long watchesBefore;

    /** For a suite that runs a second time: queues with WQ_PERCPU share their threads. */
    public void shareWorkers() {
        sharesWorkers = true;
    }

    /**
     * As {@link #shareWorkers}, for tests of queues with one worker: every workqueue of {@link #workqueue} has
     * WQ_PERCPU, and its kernel has one CPU.
     */
    public void shareOneCpu() {
        sharesWorkers = true;
        sharesAlways = true;
    }

    /** The kernel of the test: every allowed CPU, no pin watch. */
    public synchronized Kernel get() {
        return kernels.isEmpty() ? with(settings -> {}) : kernels.get(0);
    }

    /** A further kernel, or the first one if this is called before {@link #get()}. */
    public synchronized Kernel with(Consumer<KernelBuilder> settings) {
        KernelBuilder builder = Kernel.builder("test")
                .console(console::add)
                .faultHandler(
                        (queue, item, thrown) -> faults.add(new Fault(queue, item, thrown, Thread.currentThread())))
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO);
        if (sharesWorkers) {
            builder.sharedWorkers(true);
        }
        if (sharesAlways) {
            builder.cpus(CpuSet.of(CpuTopology.system().allowed().first()));
        }
        settings.accept(builder);
        Kernel kernel = builder.build();
        kernels.add(kernel);
        return kernel;
    }

    /** A workqueue of the kernel of the test, at the priority and the level that most tests do not care for. */
    public Workqueue<Work> workqueue(String name, int flags, Workqueue.Function<Work, Object> callback) {
        return workqueue(get(), name, flags, callback);
    }

    /** As {@link #workqueue(String, int, Workqueue.Function)}, in another kernel of the test. */
    public Workqueue<Work> workqueue(Kernel kernel, String name, int flags, Workqueue.Function<Work, Object> callback) {
        int more = sharesAlways ? Workqueue.WQ_PERCPU : 0;
        return Workqueue.create(kernel, name, callback, null, Pri.PRI_NONE, Ipl.NONE, flags | more);
    }

    /** The name under which the one worker of such a queue reports. */
    public String workerName(String queue) {
        return sharesAlways ? queue + "/" + cpu(0).index() : queue;
    }

    public Cpu cpu(int index) {
        return get().cpus().get(index);
    }

    public Cpu lastCpu() {
        return cpu(get().cpus().size() - 1);
    }

    /** What the kernels print is the test's business. */
    public List<String> expectConsole() {
        consoleExpected = true;
        return console;
    }

    /** What callbacks throw is the test's business. */
    public List<Fault> expectFaults() {
        faultsExpected = true;
        return faults;
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        watchesBefore = Proc.named(WATCH);
    }

    @Override
    public void afterEach(ExtensionContext context) {
        for (Kernel kernel : kernels) {
            List<Integer> tids = new ArrayList<>(
                    kernel.lwps().stream().map(KernelThread::tid).toList());
            ShutdownReport report =
                    Bounded.call("closes the kernel of the test", () -> kernel.shutdown(KernelQueue.FOREVER));
            console.addAll(report.lines());
            Bounded.until(
                    "threads left behind: " + kernel.lwps(), () -> kernel.lwps().isEmpty());
            Bounded.until("Linux still has threads of the test's kernel", () -> tids.stream()
                    .noneMatch(TestKernel::lives));
        }
        Bounded.until("a pin watch is left", () -> Proc.named(WATCH) <= watchesBefore);
        if (!faultsExpected) {
            assertThat(faults).as("callbacks that threw").isEmpty();
        }
        if (!consoleExpected) {
            assertThat(console).as("what the kernel printed").isEmpty();
        }
    }

    private static boolean lives(int tid) {
        try {
            return !Affinity.get(tid).isEmpty() && Proc.exists(tid);
        } catch (LinuxException e) {
            return false;
        }
    }
}
