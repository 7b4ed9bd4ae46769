// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WaitStrategy;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.thread.Affinity;
import org.percpu.thread.Pri;

/** What is measured without a stream of items: pinning, the current CPU, and how the cost of an enqueue grows. */
final class Micro {
    /** Pinning the calling thread, in turn to one CPU and to two, ns. */
    static final String PIN = "pin";
    /** The same with each mask read back (C alone; ours reads that of two CPUs). */
    static final String PIN_CHECKED = "pin.checked";
    /** Asking for the current CPU, ns. */
    static final String GETCPU = "getcpu";
    /** An enqueue with few, and many, works pending, ns. */
    static final String FEW_PENDING = "pending.10";

    static final String MANY_PENDING = "pending.10000000";
    /** An enqueue in turn on one, and many, queues, ns. */
    static final String ONE_QUEUE = "queues.1";

    static final String MANY_QUEUES = "queues.1000";

    private static final int PIN_CALLS = 20_000;
    private static final int CPU_CALLS = 5_000_000;
    private static final int REPEATS = 5;
    private static final int WARM_UPS = 10; // the compiler works on pinning for a second
    private static final int PENDING = 10_000_000;
    private static final int QUEUES = 1_000;
    private static final int FEW_QUEUES = 10;
    private static final int BATCH = 1_000;
    private static final int BATCHES = 200;

    /** Not volatile: that would put a fence behind each call, and C has none. */
    @SuppressWarnings("unused") // so that the calls are not for nothing
    private static int cpuSeen;

    private final Measures.Places places;
    private final boolean quick;
    private final Map<String, Double> found = new LinkedHashMap<>();

    Micro(Measures.Places places, boolean quick) {
        this.places = places;
        this.quick = quick;
    }

    Map<String, Double> ours() {
        CpuSet narrow = CpuSet.of(places.producer());
        CpuSet wide = CpuSet.of(places.producer(), places.worker());
        found.put(PIN, repeated(PIN_CALLS, i -> Affinity.set((i & 1) == 0 ? narrow : wide)));
        Affinity.set(narrow);
        try (Kernel kernel = WorkqueueContender.kernel(WaitStrategy.PARK, wide)) {
            found.put(GETCPU, repeated(CPU_CALLS, i -> cpuSeen = kernel.curcpuTableIndex()));
        }
        Work[] works = new Work[BATCH * BATCHES];
        Arrays.setAll(works, i -> new Item());
        try (Kernel kernel = WorkqueueContender.kernel(WaitStrategy.PARK, CpuSet.of(places.worker()))) {
            int many = quick ? PENDING / 10 : PENDING;
            Work[] rest = new Work[many];
            Arrays.setAll(rest, i -> new Work());
            // All of them in the old generation, whichever is measured: the collector's store barriers depend on that.
            System.gc();
            for (int i = 0; i < 3; i++) {
                pending(kernel, works, rest, 10);
            }
            found.put(FEW_PENDING, pending(kernel, works, rest, 10));
            found.put(MANY_PENDING, pending(kernel, works, rest, many));
            int queues = quick ? QUEUES / 10 : QUEUES;
            for (int i = 0; i < 3; i++) {
                queues(kernel, works, 1);
                // Compiled for one queue alone, the code would be compiled anew while many are measured.
                queues(kernel, works, FEW_QUEUES);
            }
            found.put(ONE_QUEUE, queues(kernel, works, 1));
            found.put(MANY_QUEUES, queues(kernel, works, queues));
        }
        return found;
    }

    Map<String, Double> openHft() {
        BitSet narrow = new BitSet();
        narrow.set(places.producer());
        BitSet wide = (BitSet) narrow.clone();
        wide.set(places.worker());
        found.put(
                PIN, repeated(PIN_CALLS, i -> net.openhft.affinity.Affinity.setAffinity((i & 1) == 0 ? narrow : wide)));
        net.openhft.affinity.Affinity.setAffinity(narrow);
        if (net.openhft.affinity.Affinity.getCpu() != places.producer()) {
            throw new NotHere("its native access did not load: setting the affinity had no effect");
        }
        found.put(GETCPU, repeated(CPU_CALLS / 5, i -> cpuSeen = net.openhft.affinity.Affinity.getCpu()));
        return found;
    }

    @FunctionalInterface
    private interface Call {
        void run(int i);
    }

    /** The median of some runs after those that warm; ns per call. */
    private double repeated(int fullCalls, Call call) {
        int calls = quick ? fullCalls / 10 : fullCalls;
        double[] runs = new double[REPEATS];
        for (int run = -WARM_UPS; run < REPEATS; run++) {
            long begin = System.nanoTime();
            for (int i = 0; i < calls; i++) {
                call.run(i);
            }
            if (run >= 0) {
                runs[run] = (double) (System.nanoTime() - begin) / calls;
            }
        }
        return median(runs);
    }

    private static double median(double[] values) {
        Arrays.sort(values);
        return values[values.length / 2];
    }

    /** Keeps a worker in its callback, so that nothing it does is in the measurement. */
    private static final class Gate extends Work {
        private final Semaphore entered = new Semaphore(0);
        private final Semaphore open = new Semaphore(0);
    }

    private static void run(Work work) {
        if (work instanceof Gate gate) {
            gate.entered.release();
            gate.open.acquireUninterruptibly();
        }
    }

    /** The caller's data is in its cache before it enqueues; without this the measure would be one of memory. */
    private static final class Item extends Work {
        @SuppressWarnings("UnusedVariable") // writing it is what it is for
        private int data;
    }

    private static void prepare(Work[] works, int from) {
        for (int i = from; i < from + BATCH; i++) {
            if (works[i] instanceof Item item) {
                item.data++;
            }
        }
    }

    private static Workqueue<Work> queue(Kernel kernel, int number) {
        return Workqueue.create(
                kernel, "grow" + number, (work, none) -> run(work), null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
    }

    private static Gate hold(Workqueue<Work> queue) {
        Gate gate = new Gate();
        queue.enqueue(gate, null);
        gate.entered.acquireUninterruptibly();
        return gate;
    }

    /** The same works, in the same order, in batches; with few pending each batch is run before the next one. */
    private static double pending(Kernel kernel, Work[] works, Work[] rest, int count) {
        Workqueue<Work> queue = queue(kernel, 0);
        Gate gate = hold(queue);
        for (int i = 0; i < count; i++) {
            queue.enqueue(rest[i], null);
        }
        Workqueue<Work>[] one = array(1);
        one[0] = queue;
        boolean few = count < BATCH;
        double[] batches = new double[BATCHES];
        for (int b = 0; b < BATCHES; b++) {
            prepare(works, b * BATCH);
            batches[b] = batch(one, works, b * BATCH);
            if (few) {
                gate.open.release();
                gate = hold(queue);
            }
        }
        gate.open.release();
        queue.drainAndDestroy();
        return median(batches);
    }

    /** In turn; ns per enqueue. A method of its own, so that it is compiled by itself and alike for all measures. */
    private static double batch(Workqueue<Work>[] queues, Work[] works, int from) {
        int q = 0;
        long begin = System.nanoTime();
        for (int i = from; i < from + BATCH; i++) {
            queues[q].enqueue(works[i], null);
            if (++q == queues.length) {
                q = 0;
            }
        }
        return (double) (System.nanoTime() - begin) / BATCH;
    }

    private static double queues(Kernel kernel, Work[] works, int count) {
        Workqueue<Work>[] queues = array(count);
        Gate[] gates = new Gate[count];
        for (int q = 0; q < count; q++) {
            queues[q] = queue(kernel, q);
            gates[q] = hold(queues[q]);
        }
        double[] batches = new double[BATCHES];
        for (int b = 0; b < BATCHES; b++) {
            prepare(works, b * BATCH);
            batches[b] = batch(queues, works, b * BATCH);
        }
        for (int q = 0; q < count; q++) {
            gates[q].open.release();
            queues[q].drainAndDestroy();
        }
        return median(batches);
    }

    @SuppressWarnings("unchecked") // an array of a generic type
    private static Workqueue<Work>[] array(int count) {
        return (Workqueue<Work>[]) new Workqueue<?>[count];
    }
}
