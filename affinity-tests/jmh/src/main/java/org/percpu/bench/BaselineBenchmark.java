// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.thread.Affinity;

/** Group baseline: what the rest is made of. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(value = 2, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class BaselineBenchmark {
    private final CpuSet allowed = CpuTopology.system().allowed();
    private final CpuSet first = CpuSet.of(allowed.first());
    private final Kernel kernel = WorkqueueContender.kernel(WaitStrategy.PARK, allowed);
    private final Sink sink = new Sink();

    /** The callback alone. */
    @Benchmark
    public void baselineCallback() {
        sink.ran();
    }

    /** A time stamp, of which each latency contains one. */
    @Benchmark
    public long baselineClock() {
        return System.nanoTime();
    }

    /** What enqueue(work, null) asks first. */
    @Benchmark
    public int baselineCurrentCpu() {
        return kernel.curcpuTableIndex();
    }

    /** To the CPU where the thread is already. */
    @Benchmark
    public void baselinePin() {
        Affinity.set(first);
    }

    /** Ends the kernel. */
    @TearDown
    public void end() {
        kernel.close();
    }
}
