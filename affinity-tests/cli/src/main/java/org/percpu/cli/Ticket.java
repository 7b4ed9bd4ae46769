// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import org.percpu.netbsd.Work;

/**
 * A work that is dealt again and again. Each dealing is a generation: a generation that never becomes {@link #done} was lost, one
 * that is run when it is done already has run twice.
 */
final class Ticket extends Work {
    final Lane lane;

    // Written by the dealer before it enqueues.
    long generation;
    long item;
    long enqueuedAt;

    /** The last generation that has run, written by the worker: the ticket may be dealt again. */
    volatile long done;

    Ticket(Lane lane) {
        this.lane = lane;
    }
}
