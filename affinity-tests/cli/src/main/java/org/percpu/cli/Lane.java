// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;
import org.percpu.thread.Affinity;

/**
 * One CPU of a run: its tickets, and what its worker found. The queue of a CPU is first in, first out and has one worker, so the
 * tickets are dealt in a circle and the next one is free as soon as it is done.
 */
final class Lane {
    private static final long LONGEST_LATENCY = TimeUnit.HOURS.toNanos(1);
    private static final int DIGITS = 3;

    final Cpu cpu;
    private final Job job;
    private final Ticket[] tickets;

    // Written by the dealer alone.
    private long dealt;

    // Written by the worker alone; the dealer reads them when the worker has ended.
    private final Histogram latency = new Histogram(LONGEST_LATENCY, DIGITS);
    private long executed;
    private long elsewhere;
    private long duplicated;

    /** True while a work runs, written by the worker: it is slow, not lost. */
    private volatile boolean busy;

    Lane(Cpu cpu, Job job, int inFlight) {
        this.cpu = cpu;
        this.job = job;
        this.tickets = new Ticket[inFlight];
        for (int i = 0; i < inFlight; i++) {
            tickets[i] = new Ticket(this);
        }
    }

    /** Dealer: the next ticket, or null while all are in flight. */
    @Nullable
    Ticket free() {
        Ticket next = tickets[(int) (dealt % tickets.length)];
        return next.done == next.generation ? next : null;
    }

    /** Dealer: makes the free ticket the next generation. */
    void deal(Ticket free, long item) {
        dealt++;
        free.generation = dealt;
        free.item = item;
        free.enqueuedAt = System.nanoTime();
    }

    /** Dealer: whether nothing is in flight. */
    boolean idle() {
        for (Ticket ticket : tickets) {
            if (ticket.done != ticket.generation) {
                return false;
            }
        }
        return true;
    }

    /** Any thread: a number that grows with every work that has run. */
    long finished() {
        long sum = 0;
        for (Ticket ticket : tickets) {
            sum += ticket.done;
        }
        return sum;
    }

    boolean busy() {
        return busy;
    }

    /** Worker. */
    void run(Ticket ticket) {
        long waited = System.nanoTime() - ticket.enqueuedAt;
        boolean here = Affinity.currentCpu() == cpu.id();
        long generation = ticket.generation;
        latency.recordValue(Math.min(Math.max(waited, 0), LONGEST_LATENCY));
        executed++;
        if (ticket.done == generation) {
            duplicated++;
        }
        busy = true;
        try {
            job.run(ticket.item);
        } finally {
            busy = false;
            if (!here || Affinity.currentCpu() != cpu.id()) {
                elsewhere++;
            }
            ticket.done = generation;
        }
    }

    int inFlight() {
        return tickets.length;
    }

    long dealt() {
        return dealt;
    }

    long executed() {
        return executed;
    }

    long elsewhere() {
        return elsewhere;
    }

    long duplicated() {
        return duplicated;
    }

    /** Works that never ran, whatever ran twice. */
    long lost() {
        return dealt - (executed - duplicated);
    }

    Histogram latency() {
        return latency;
    }
}
