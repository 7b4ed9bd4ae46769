// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import org.jspecify.annotations.Nullable;

/** A work that can be posted, as the inbox of its queue and the worker see it. */
interface Posted {
    /** Its values and its mark. */
    Port port();

    /** The work or task; null if no caller asks for its handles. */
    @Nullable
    Object item();

    /** Worker: out of the inbox. Unmarked first: a value that comes later then causes another run. */
    void unmark();

    /** Worker: to its queue, where it stays as it is if it is pending. */
    void arrived();

    /** Nothing is linked any more: if a poster that is inside has marked the work, it goes to the queue without one. */
    void reclaim();

    /** Worker: true once if an error has kept the poster that has marked the work from linking it. */
    boolean takesUnlinked();

    /** Worker, before the callback: where the values end that the run is for. */
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
