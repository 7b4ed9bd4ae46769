// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.List;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.thread.Affinity;

/** One contender with its worker on the second allowed CPU, and the benchmark's thread on the first. */
@State(Scope.Benchmark)
public class QueueState {
    /** A name of {@link Lineup}. */
    @Param({
        "workqueue-spin",
        "workqueue-park",
        "taskq-spin",
        "thread-pool",
        "disruptor-spin",
        "agrona-many-to-one",
        "jctools-mpsc-array",
        "jctools-mpsc-linked"
    })
    public String contender;

    private final Sink sink = new Sink();
    private Contender queue;
    private int index;
    private long sent;

    /** Pins the caller, which is the benchmark's only thread. */
    @Setup(Level.Trial)
    public void make() throws Exception {
        int[] cpus = CpuTopology.system().allowed().stream().toArray();
        if (cpus.length < 2) {
            throw new IllegalStateException("a producer and a worker need two CPUs; this process may use only "
                    + CpuTopology.system().allowed());
        }
        Contender.Maker maker = Lineup.named(contender).maker();
        if (maker == null) {
            throw new IllegalArgumentException(contender + " is not a queue in Java");
        }
        queue = maker.make(new Contender.Setup(List.of(sink), cpus[1]));
        Affinity.set(CpuSet.of(cpus[0]));
    }

    /** Everything has run. */
    @TearDown(Level.Iteration)
    public void drain() {
        while (sink.count() < sent) {
            Thread.onSpinWait();
        }
    }

    /** Ends the worker. */
    @TearDown(Level.Trial)
    public void end() {
        queue.close();
    }

    /** Hands over the next item of the ring, as soon as it is free. */
    void submitNext() {
        while (sent - sink.count() >= Sink.RING) {
            Thread.onSpinWait();
        }
        queue.submit(0, index);
        index = (index + 1) & (Sink.RING - 1);
        sent++;
    }

    /** Hands over one item and waits until it ran. */
    void submitAndWait() {
        long before = sink.count();
        queue.submit(0, 0);
        sent++;
        while (sink.count() == before) {
            Thread.onSpinWait();
        }
    }
}
