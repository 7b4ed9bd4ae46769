// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import org.percpu.cpu.CpuSet;
import org.percpu.thread.Affinity;

/** Does to a contender what native/reference/reference.c does to its queues; keys and meaning are the same there. */
final class Measures {
    /** Enqueue to run with the worker looking for work, ns. */
    static final String SPINNING = "spinning.p50";
    /** The same when the caller has just written data to its item, which the callback reads, ns. */
    static final String FILLED = "filled.p50";
    /** The same as the first with the worker asleep, ns. */
    static final String ASLEEP = "asleep.p50";
    /** What the call that wakes the worker costs the caller, ns. */
    static final String WAKE = "wake.cost";
    /** One producer, ns per item. */
    static final String ONE = "one.item";
    /** Two producers, ns per item. */
    static final String TWO = "two.item";
    /** {@link Hop} before, ns, and after. */
    static final String HOP = "hop";

    static final String HOP_AFTER = "hop.after";
    /** Bytes allocated per enqueue and run, by all threads together. */
    static final String BYTES = "bytes.item";

    /** Those whose result is a matter of how far the CPUs are apart. */
    static final Set<String> IN_HOPS = Set.of(SPINNING, FILLED, ONE, TWO);

    static final int CHUNKS = 21;
    private static final long SHORT_GAP = 1_000;
    /** Longer than any contender here spins before it sleeps. */
    private static final long LONG_GAP = 250_000;

    private final Places places;
    private final Amount amount;
    private final Contender contender;
    private final Sink[] sinks;
    private final Map<String, Double> found = new LinkedHashMap<>();

    /** CPUs: with only two, both producers share the first. */
    record Places(int producer, int secondProducer, int worker) {}

    /** How often. */
    record Amount(int spinSamples, int sleepSamples, int items) {
        static final Amount FULL = new Amount(20_000, 1_500, 4_000_000);
        static final Amount QUICK = new Amount(5_000, 300, 1_000_000);
    }

    Measures(Places places, Amount amount, Contender contender, List<Sink> sinks) {
        this.places = places;
        this.amount = amount;
        this.contender = contender;
        this.sinks = sinks.toArray(new Sink[0]);
    }

    Map<String, Double> run(boolean sleeps, boolean twoProducers) throws Exception {
        // As in a server that has run for a while: with items and queues in the old generation, the collector's store
        // barriers cost.
        System.gc();
        // One and the same code for warming and measuring, so that what is measured is compiled for what is measured.
        for (int i = 0; i < 3; i++) {
            stream(1, amount.items / CHUNKS);
            oneAtATime(amount.spinSamples / 4, SHORT_GAP, i == 1);
        }
        Samples spinning = oneAtATime(amount.spinSamples, SHORT_GAP, false);
        found.put(SPINNING, spinning.latency(50));
        found.put("spinning.p99", spinning.latency(99));
        found.put(FILLED, oneAtATime(amount.spinSamples, SHORT_GAP, true).latency(50));
        if (sleeps) {
            oneAtATime(amount.sleepSamples / 10, LONG_GAP, false);
            Samples asleep = oneAtATime(amount.sleepSamples, LONG_GAP, false);
            found.put(ASLEEP, asleep.latency(50));
            found.put("asleep.p99", asleep.latency(99));
            found.put(WAKE, asleep.cost(50));
        }
        throughput(ONE, 1);
        if (twoProducers) {
            stream(2, amount.items / CHUNKS);
            throughput(TWO, 2);
        }
        return found;
    }

    private void throughput(String key, int producers) throws Exception {
        double[] chunks = new double[CHUNKS];
        double before = allocated();
        for (int i = 0; i < CHUNKS; i++) {
            chunks[i] = stream(producers, amount.items / CHUNKS / producers);
        }
        if (before >= 0 && producers == 1) {
            found.put(BYTES, (allocated() - before) / amount.items);
        }
        Arrays.sort(chunks);
        found.put(key, chunks[CHUNKS / 2]);
        found.put(key + ".best", chunks[0]);
    }

    /** By reflection: this is compiled for Java 17, and the method came with 21. */
    static double allocated() {
        try {
            Class<?> bean = Class.forName("com.sun.management.ThreadMXBean");
            return (long) bean.getMethod("getTotalThreadAllocatedBytes").invoke(ManagementFactory.getThreadMXBean());
        } catch (ReflectiveOperationException e) {
            return -1;
        }
    }

    private static final class Samples {
        private final long[] latencies;
        private final long[] costs;

        Samples(int count) {
            latencies = new long[count];
            costs = new long[count];
        }

        double latency(int percentile) {
            return quantile(latencies, percentile);
        }

        double cost(int percentile) {
            return quantile(costs, percentile);
        }

        private static double quantile(long[] values, int percentile) {
            Arrays.sort(values);
            return values[(int) ((values.length - 1) * (percentile / 100.0))];
        }
    }

    private Samples oneAtATime(int count, long gap, boolean filled) throws Exception {
        Samples samples = new Samples(count);
        sinks[0].stamping = true;
        onProducer(0, () -> {
            for (int i = 0; i < count; i++) {
                one(samples, i, gap, filled);
            }
        });
        sinks[0].stamping = false;
        return samples;
    }

    private void one(Samples samples, int i, long gap, boolean filled) {
        pause(gap);
        Sink sink = sinks[0];
        if (filled) {
            contender.fill(0, 0, sink);
        }
        long count = sink.count();
        long begin = System.nanoTime();
        contender.submit(0, 0);
        long added = System.nanoTime();
        while (sink.count() == count) {
            Thread.onSpinWait();
        }
        samples.latencies[i] = sink.ranAt() - begin;
        samples.costs[i] = added - begin;
    }

    private static void pause(long nanos) {
        long begin = System.nanoTime();
        while (System.nanoTime() - begin < nanos) {
            Thread.onSpinWait();
        }
    }

    /** Returns ns per item. */
    private double stream(int producers, int each) throws Exception {
        long[] began = new long[1];
        CyclicBarrier start = new CyclicBarrier(producers, () -> began[0] = System.nanoTime());
        Thread[] threads = new Thread[producers];
        for (int p = 0; p < producers; p++) {
            int producer = p;
            threads[p] = producer(producer, () -> {
                start.await();
                produce(producer, each);
            });
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return (double) (System.nanoTime() - began[0]) / ((long) each * producers);
    }

    @SuppressWarnings("ThreadPriorityCheck") // two producers may share a CPU, and then the one that waits is in the way
    private void produce(int producer, int count) {
        Sink sink = sinks[producer];
        long base = sink.count();
        long done = base;
        for (int i = 0; i < count; i++) {
            while (base + i - done >= Sink.RING) {
                done = sink.count();
                if (base + i - done >= Sink.RING) {
                    Thread.yield();
                }
            }
            contender.submit(producer, i & (Sink.RING - 1));
        }
        while (sink.count() < base + count) {
            Thread.yield();
        }
    }

    @FunctionalInterface
    private interface Body {
        void run() throws Exception;
    }

    private void onProducer(int producer, Body body) throws InterruptedException {
        producer(producer, body).join();
    }

    private Thread producer(int producer, Body body) {
        CpuSet cpu = CpuSet.of(producer == 0 ? places.producer : places.secondProducer);
        Thread thread = new Thread(
                () -> {
                    Affinity.set(cpu);
                    try {
                        body.run();
                    } catch (Exception e) {
                        throw new IllegalStateException("the producer failed", e);
                    }
                },
                "producer/" + producer);
        thread.setUncaughtExceptionHandler((failed, e) -> Measurement.giveUp(e));
        thread.start();
        return thread;
    }
}
