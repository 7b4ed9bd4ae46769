// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.List;

/** A queue with one worker, and the items that its producers hand to it. */
abstract class Contender implements AutoCloseable {
    /** What a contender is made for. */
    record Setup(List<Sink> sinks, int workerCpu) {}

    /** Makes a contender; fails with a LinkageError if its library is missing. */
    @FunctionalInterface
    interface Maker {
        Contender make(Setup setup) throws Exception;
    }

    /**
     * Hands over one item, whose callback is {@link Sink#ran} of its producer's sink.
     *
     * @param producer index of the sink
     * @param index which of the producer's items, below {@link Sink#RING}; it is not in flight
     */
    abstract void submit(int producer, int index);

    /**
     * Writes the data of an item that its callback reads, as a caller does before it hands the item over.
     *
     * @param producer index of the sink
     * @param index not in flight
     * @param data its sink
     */
    abstract void fill(int producer, int index, Sink data);

    /** Ends the worker. Nothing is in flight. */
    @Override
    public abstract void close();
}
