// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

/** A source of interrupts for one thread: an interrupt line, as its dispatcher sees it. */
public interface Source {
    /**
     * The rank of its level.
     *
     * @return always the same
     */
    int rank();

    /**
     * Runs the handler for what waits. Called by the receiving thread, at the source's level.
     *
     * @return how many times handlers were called
     */
    int run();

    /**
     * Tells the thread's fault handler. Must not throw.
     *
     * @param thrown by the handler, or about it
     */
    void fault(Throwable thrown);
}
