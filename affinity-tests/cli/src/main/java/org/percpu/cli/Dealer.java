// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WorkerState;
import org.percpu.netbsd.Workqueue;

/**
 * Deals works to the CPUs of a kernel, in turn, through one per-CPU workqueue, and waits for them. At most a fixed number is in
 * flight on each CPU, so that a latency is that of a deferral and not of a backlog.
 *
 * <p>When nothing is free the dealer sleeps, for it may need the very CPU of a worker. A worker wakes it when half of its lane is
 * free again: it stores {@code done} and then looks at {@code sleeping}, the dealer stores {@code sleeping} and then looks at
 * {@code done}, all of them volatile, so one of the two sees the other.
 */
final class Dealer {
    /** Name of the queue; its workers are percpu/0, percpu/1 and so on. */
    static final String QUEUE = "percpu";

    private static final long NAP_NANOS = 100_000_000;
    /** Naps without any progress before works count as lost. Naps, not time: a stopped process does not lose works. */
    private static final int NAPS_UNTIL_LOST = 100;

    private final Kernel kernel;
    private final List<Lane> lanes;
    private final Thread thread = Thread.currentThread();
    private final int wakeEvery;

    private volatile boolean sleeping;
    private volatile boolean finishing;

    /**
     * Prepares a deal by the calling thread.
     *
     * @param kernel whose CPUs take the works
     * @param lanes one for each CPU of the kernel, in its order
     */
    Dealer(Kernel kernel, List<Lane> lanes) {
        this.kernel = kernel;
        this.lanes = lanes;
        this.wakeEvery = Math.max(1, lanes.get(0).inFlight() / 2);
    }

    /** How much to deal. */
    sealed interface Amount {
        /** So many works in turn: no CPU gets two more than another. */
        record Even(long works) implements Amount {}

        /** So many works, each to the next CPU that has room: for works of unequal size. */
        record WhoeverIsFree(long works) implements Amount {}

        /** For so long. */
        record Time(long nanos) implements Amount {}
    }

    /**
     * What came of it.
     *
     * @param workers the threads by the kernel's word, read when the last work had run
     * @param elapsedNanos from the first enqueue to the last end
     * @param stalled true if the dealer gave up waiting; the workers still exist, in whatever state
     */
    record Outcome(List<WorkerState> workers, long elapsedNanos, boolean stalled) {}

    /**
     * Deals, waits, and ends the workers unless they are stuck.
     *
     * @param priority of the workers, as workqueue_create takes it
     * @param amount how much
     * @param progress is told how far it is: works, or milliseconds
     * @return what the lanes do not know
     */
    Outcome run(int priority, Amount amount, Progress progress) {
        Workqueue<Ticket> queue = Workqueue.create(
                kernel,
                QUEUE,
                (ticket, dealer) -> dealer.callback(ticket),
                this,
                priority,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        long start = System.nanoTime();
        boolean progressing = deal(queue, amount, start, progress);
        finishing = true;
        progressing = progressing && sleepUntil(() -> lanes.stream().allMatch(Lane::idle));
        long elapsed = System.nanoTime() - start;
        List<WorkerState> workers = queue.workers();
        if (progressing) {
            queue.drainAndDestroy();
        }
        return new Outcome(workers, elapsed, !progressing);
    }

    private boolean deal(Workqueue<Ticket> queue, Amount amount, long start, Progress progress) {
        long works = Long.MAX_VALUE;
        long nanos = Long.MAX_VALUE;
        boolean even = false;
        if (amount instanceof Amount.Even some) {
            works = some.works();
            even = true;
        } else if (amount instanceof Amount.WhoeverIsFree some) {
            works = some.works();
        } else if (amount instanceof Amount.Time time) {
            nanos = time.nanos();
        }
        long item = 0;
        while (true) {
            boolean any = false;
            for (int i = 0; i < lanes.size(); i++) {
                long elapsed = System.nanoTime() - start;
                if (item == works || elapsed >= nanos) {
                    return true;
                }
                Lane lane = lanes.get(even ? (int) (item % lanes.size()) : i);
                Ticket ticket = lane.free();
                if (ticket != null) {
                    lane.deal(ticket, item);
                    queue.enqueue(ticket, lane.cpu);
                    item++;
                    any = true;
                    progress.at(nanos == Long.MAX_VALUE ? item : elapsed / 1_000_000);
                }
            }
            long next = item;
            boolean inTurn = even;
            if (!any
                    && !sleepUntil(
                            () -> inTurn ? hasRoom(next) : lanes.stream().anyMatch(lane -> lane.free() != null))) {
                return false;
            }
        }
    }

    private boolean hasRoom(long item) {
        return lanes.get((int) (item % lanes.size())).free() != null;
    }

    /** False if the workers have done nothing for too long: what is in flight is lost. */
    private boolean sleepUntil(BooleanSupplier condition) {
        long before = finished();
        int naps = 0;
        while (true) {
            sleeping = true;
            if (condition.getAsBoolean()) {
                sleeping = false;
                return true;
            }
            LockSupport.parkNanos(this, NAP_NANOS);
            long now = finished();
            naps = now != before || lanes.stream().anyMatch(Lane::busy) ? 0 : naps + 1;
            before = now;
            if (naps == NAPS_UNTIL_LOST) {
                return false;
            }
        }
    }

    private long finished() {
        return lanes.stream().mapToLong(Lane::finished).sum();
    }

    /** Runs on the workers. */
    private void callback(Ticket ticket) {
        Lane lane = ticket.lane;
        long generation = ticket.generation;
        try {
            lane.run(ticket);
        } finally {
            if (sleeping && (finishing || generation % wakeEvery == 0)) {
                sleeping = false;
                LockSupport.unpark(thread);
            }
        }
    }
}
