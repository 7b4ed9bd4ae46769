// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import org.jspecify.annotations.Nullable;

/** A work that can be posted, as the inbox of its queue and the worker see it. */
interface Posted {
    /** The port, which holds the work's values and its mark. */
    Port port();

    /** The work or task; null if no caller asks for its handles. */
    @Nullable
    Object item();

    /**
     * Worker: clears the mark of a work that was taken out of the inbox. This comes before the append, so a value that
     * comes later causes another run.
     */
    void unmark();

    /** Worker: appends the work to its queue. A work that is pending already stays where it is. */
    void arrived();

    /**
     * Called when works are linked no more: if a poster that is inside has marked the work, appends the work to the
     * queue without a link.
     */
    void reclaim();

    /** Worker: returns true once if an error has kept the poster that marked the work from linking it. */
    boolean takesUnlinked();

    /** Worker, before the callback: returns where the values of this run end. */
    long end();

    /** How many calls of drain() have ended, modulo 2^32. */
    long drained();

    /**
     * Worker, after the callback: lets the values go that waited before the callback, unless drain() was called since.
     * If the callback drains, its next run takes the values that are left.
     *
     * @param end what {@link #end} was before the callback
     * @param drainedBefore what {@link #drained} was then
     */
    void letGo(long end, long drainedBefore);

    /** Gives the memory of a closed work back if no thread needs it any more. */
    void settle();
}
