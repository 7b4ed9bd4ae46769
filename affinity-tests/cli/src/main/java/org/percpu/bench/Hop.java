// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.Arrays;
import org.percpu.cpu.CpuSet;
import org.percpu.thread.Affinity;

/**
 * How far two CPUs are apart: how long it takes until one sees what the other has written. A virtual CPU is moved from core to core by its
 * host, so that is not the same for every process; two measurements can be compared if it was.
 */
final class Hop {
    private static final int CHUNKS = 41;
    private static final int ROUND_TRIPS = 500;
    private static final double ALIKE = 1.5;

    // The ball, alone on its cache lines.
    @SuppressWarnings("UnusedVariable")
    private long p0, p1, p2, p3, p4, p5, p6, p7, p8, p9, pa, pb, pc, pd, pe, pf;

    private volatile long ball;

    @SuppressWarnings("UnusedVariable")
    private long q0, q1, q2, q3, q4, q5, q6, q7, q8, q9, qa, qb, qc, qd, qe, qf;

    private Hop() {}

    /** Half a round trip in ns, the median of some hundreds each. The CPUs must have nothing else to do. */
    static double nanos(int cpu, int other) throws InterruptedException {
        double[] chunks = new double[CHUNKS];
        Hop hop = new Hop();
        Thread far = new Thread(
                () -> {
                    Affinity.set(CpuSet.of(other));
                    for (int i = 0; i < CHUNKS * ROUND_TRIPS; i++) {
                        hop.await(2L * i + 1);
                        hop.ball = 2L * i + 2;
                    }
                },
                "hop/far");
        Thread near = new Thread(
                () -> {
                    Affinity.set(CpuSet.of(cpu));
                    for (int chunk = 0; chunk < CHUNKS; chunk++) {
                        chunks[chunk] = hop.trips();
                    }
                },
                "hop/near");
        far.start();
        near.start();
        near.join();
        far.join();
        Arrays.sort(chunks);
        return chunks[CHUNKS / 2];
    }

    /** Whether measurements at these distances can be compared. */
    static boolean alike(double... hops) {
        double least = Arrays.stream(hops).min().orElse(0);
        double most = Arrays.stream(hops).max().orElse(0);
        return most <= least * ALIKE;
    }

    private double trips() {
        long begin = System.nanoTime();
        for (int i = 0; i < ROUND_TRIPS; i++) {
            long there = ball + 1;
            ball = there;
            await(there + 1);
        }
        return (double) (System.nanoTime() - begin) / (2 * ROUND_TRIPS);
    }

    private void await(long value) {
        while (ball != value) {
            Thread.onSpinWait();
        }
    }
}
