// SPDX-License-Identifier: BSD-2-Clause
/**
 * What percpu is compared with, and how: shared by {@code percpu compare}, the JMH benchmarks and their tests.
 *
 * <p>A {@link org.percpu.bench.Contender} takes preallocated items from a producer and runs them on one worker. The {@link
 * org.percpu.bench.Lineup} names all of them, each with the best honest setting it has. {@link org.percpu.bench.Measures}
 * does to each the same: the producer is pinned to one CPU and the worker to another, at most {@link
 * org.percpu.bench.Sink#RING} items are in flight, and every callback counts in the producer's {@link
 * org.percpu.bench.Sink}. {@code native/reference/reference.c} is the same again in C; a change here is a change there.
 *
 * <p>Each contender is measured in a JVM of its own ({@link org.percpu.bench.Measurement}), so that the compiler sees one kind of
 * queue and one garbage collection history. {@link org.percpu.bench.Rounds} starts these JVMs and the C program in turn, several
 * times over, so that a noisy minute hits all of them; {@link org.percpu.bench.Results} divides within a round and takes the
 * median over the rounds.
 *
 * <p>{@link org.percpu.bench.InterruptLatency} is for {@code percpu ipl --latency}: it and {@code native/reference/interrupt.c} do the
 * same, too.
 */
@NullMarked
package org.percpu.bench;

import org.jspecify.annotations.NullMarked;
