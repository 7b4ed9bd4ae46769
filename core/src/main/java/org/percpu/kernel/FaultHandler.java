// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.percpu.bindings.spi.Argument;

/**
 * Called for each callback that threw, on the thread of its worker. Whatever the handler does, the worker continues with
 * the next work, and holds the kernel lock as often as before the callback. An exception from the handler is logged and
 * dropped.
 */
@FunctionalInterface
public interface FaultHandler {
    /**
     * A callback threw.
     *
     * @param queue name of the queue or thread
     * @param item the work or task, or the function of a kernel thread
     * @param thrown what it threw
     */
    void callbackThrew(String queue, Object item, Throwable thrown);

    /**
     * Something makes no progress, see {@link KernelBuilder#stallAfter}. The kernel has printed it already. Called by
     * the kernel's watch, which goes on when this returns; an exception is logged and dropped. What to do about the stall
     * is up to the handler.
     *
     * @param stall what stalls, for how long, and where
     */
    default void stalled(Stall stall) {
        Object unused = Argument.requireNonNull(stall, "a stall", "stall");
    }
}
