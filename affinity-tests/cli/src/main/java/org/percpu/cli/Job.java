// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

/** What each work does. One object for each CPU, used by its worker alone. */
interface Job {
    /**
     * Does one work.
     *
     * @param item number of the work in the order of dealing, from 0
     */
    void run(long item);

    /** Nothing: what remains is the cost of deferring. */
    static Job nop() {
        return item -> {};
    }

    /** Keeps the CPU busy for a time. */
    static Job spin(long nanos) {
        return item -> {
            long start = System.nanoTime();
            while (System.nanoTime() - start < nanos) {
                Thread.onSpinWait();
            }
        };
    }
}
