// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.Listing;
import org.percpu.lwp.QueueEnd;

/** The end of a queue in a shutdown, which remembers what the report must say of it. */
final class ReportedEnd implements QueueEnd {
    private static final long LOOK_MILLIS = 10;

    private final KernelQueue queue;
    private final QueueEnd end;
    private final @Nullable ExitCalls exitCalls;
    private final Map<Integer, String> interrupted = new LinkedHashMap<>();

    /**
     * Does nothing until it is told.
     *
     * @param listing of the queue to end
     * @param exitCalls at the end of the JVM, who has called System.exit; null otherwise
     */
    ReportedEnd(Listing listing, @Nullable ExitCalls exitCalls) {
        this.queue = (KernelQueue) listing.face();
        this.end = listing.end();
        this.exitCalls = exitCalls;
    }

    String queueName() {
        return queue.name();
    }

    /** The callbacks that were interrupted, by the number of their thread. */
    Map<Integer, String> interrupted() {
        return interrupted;
    }

    @Override
    public void close() {
        end.close();
    }

    /** A callback that has called System.exit waits for the end of the JVM, so nobody waits for this callback. */
    @Override
    public boolean await(Deadline deadline) {
        if (exitCalls == null) {
            return end.await(deadline);
        }
        boolean blocked = false;
        while (true) {
            Duration left = deadline.left();
            Duration most = Duration.ofMillis(LOOK_MILLIS);
            Deadline look = Deadline.after(left.compareTo(most) < 0 ? left : most);
            if (end.await(look)) {
                return true;
            }
            if (deadline.isOver() || !look.isOver()) {
                return false;
            }
            // Twice: a worker that has just taken a work from the queue shows neither for a moment.
            boolean before = blocked;
            blocked = exitCalls.block(queue);
            if (blocked && before) {
                return false;
            }
        }
    }

    @Override
    public void stop(boolean interrupt) {
        if (interrupt) {
            for (WorkerState worker : queue.workers()) {
                if (worker.running() != null) {
                    interrupted.put(worker.thread().tid(), worker.running() + " of queue " + worker.queue());
                }
            }
        }
        end.stop(interrupt);
    }

    @Override
    public void takeBack(Deadline grace) {
        end.takeBack(grace);
    }

    @Override
    public List<Object> handOut() {
        return end.handOut();
    }

    @Override
    public void handBack() {
        end.handBack();
    }

    @Override
    public void finish(Deadline grace) {
        end.finish(grace);
    }

    @Override
    public void unlist() {
        end.unlist();
    }
}
