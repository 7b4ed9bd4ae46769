// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Listing;
import org.percpu.lwp.Lwp;
import org.percpu.lwp.QueueEnd;
import org.percpu.lwp.Registry;

/**
 * One call of {@link Kernel#shutdown}. This class, and those that end a queue, have no initialiser: in the first
 * shutdown of a JVM, at the end of a stack, the error would ruin them for good.
 */
final class Shutdown {
    /** How long functions of users that still run get to end, all together. */
    private static final long GRACE_MILLIS = 50;
    /**
     * The longest time that the library's threads with nothing left to run need to be gone, all together. Generous, for
     * busy machines.
     */
    private static final long LEAVES_MILLIS = 1000;

    private final Kernel kernel;
    private final KernelCore core;
    private final Registry registry;
    private final @Nullable ExitCalls exitCalls;
    /** Whether this call was the first to come to its end, and so prints the findings. */
    boolean first;

    private final List<String> queuesLeft = new ArrayList<>();
    private final List<String> neverStarted = new ArrayList<>();
    private final List<String> neverJoined = new ArrayList<>();

    /** One that is called by the program. */
    Shutdown(Kernel kernel) {
        this(kernel, null);
    }

    /** One at the end of the JVM, unless {@code exitCalls} is null. */
    Shutdown(Kernel kernel, @Nullable ExitCalls exitCalls) {
        this.kernel = kernel;
        this.core = kernel.core();
        this.registry = core.registry();
        this.exitCalls = exitCalls;
    }

    ShutdownReport run(Duration drainAtMost) {
        requireOutsider();
        // This check comes before anything is marked: a caller that must not sleep leaves the kernel as it is.
        core.requireSleepable("shutdown");
        // Nothing runs in a cold kernel, and nothing will: there is nothing to drain.
        Duration drain = kernel.isCold() ? Duration.ZERO : drainAtMost;
        registry.close();
        List<Listing> queues = registry.queues();
        for (Listing queue : queues) {
            if (!core.isShared(queue)) {
                queuesLeft.add(queue.name());
            }
        }
        List<ReportedEnd> ends =
                queues.stream().map(queue -> new ReportedEnd(queue, exitCalls)).toList();
        QueueEnd.stopAll(ends, drain, kernel.interruptsAtDeadline());
        Map<Integer, String> interrupted = new LinkedHashMap<>();
        ends.forEach(end -> interrupted.putAll(end.interrupted()));
        List<ShutdownReport.StuckThread> stuck = endThreads(interrupted, faces(queues));
        AtExit.remove(kernel);
        List<ShutdownReport.Dropped> dropped = new ArrayList<>();
        ShutdownReport report = new ShutdownReport(
                queuesLeft, dropped, neverStarted, neverJoined, List.copyOf(interrupted.values()), stuck);
        try {
            for (ReportedEnd end : ends) {
                for (Object work : end.handOut()) {
                    dropped.add(new ShutdownReport.Dropped(end.queueName(), work));
                }
            }
            registry.removeAll(queues);
        } catch (Throwable t) {
            // The works and the queues are left for the next shutdown to report.
            ends.forEach(QueueEnd::handBack);
            throw t;
        }
        // No call may follow: an error would lose the report.
        synchronized (kernel) {
            first = !kernel.reported;
            kernel.reported = true;
        }
        return report;
    }

    private static List<KernelQueue> faces(List<Listing> queues) {
        return queues.stream().map(queue -> (KernelQueue) queue.face()).toList();
    }

    private void requireOutsider() {
        Lwp caller = Lwp.current();
        if (caller != null && caller.kernel() == core && caller.is(Lwp.Flag.WORKER)) {
            throw new ErrnoException(
                    Errno.EDEADLK,
                    "shutdown of kernel " + kernel.name() + " in a callback of " + caller.name()
                            + ": it would wait for itself; call it from another thread");
        }
    }

    /** All are told first and then waited for together. */
    private List<ShutdownReport.StuckThread> endThreads(Map<Integer, String> interrupted, List<KernelQueue> queues) {
        kernel.interruptThreads().close();
        List<Lwp> mayRun = new ArrayList<>();
        List<Lwp> haveNothingToRun = new ArrayList<>(registry.leaving());
        List<Lwp> all = registry.lwps();
        Set<Integer> listed = StuckThreads.workers(queues).keySet();
        for (Lwp lwp : all) {
            boolean idle = lwp.destroyIfIdle();
            // A worker of no listed queue belongs to a queue whose creation met this shutdown and is refused.
            if (idle || (lwp.is(Lwp.Flag.WORKER) && !listed.contains(lwp.tid()))) {
                haveNothingToRun.add(lwp);
            }
            if (idle) {
                if (!lwp.is(Lwp.Flag.WORKER)) {
                    neverStarted.add(lwp.label());
                }
            } else if (lwp.mustJoinAndWasNot()) {
                neverJoined.add(lwp.label());
            } else {
                mayRun.add(lwp);
            }
            lwp.kernelClosed();
        }
        kernel.watch().end();
        kernel.management().end();
        Deadline grace = Deadline.after(Duration.ofMillis(GRACE_MILLIS));
        Deadline leave = Deadline.after(Duration.ofMillis(LEAVES_MILLIS));
        all.forEach(lwp -> lwp.awaitGone(grace));
        haveNothingToRun.forEach(lwp -> lwp.awaitGone(leave));
        boolean unused = core.unlocked("lwpexit", () -> kernel.watch().awaitGone(leave));
        List<Lwp> left = new ArrayList<>();
        for (Lwp lwp : mayRun) {
            boolean gone = lwp == Lwp.current()
                    || (lwp.isOver() && lwp.awaitGone(leave))
                    || !lwp.thread().thread().isAlive();
            if (!gone) {
                left.add(lwp);
            }
        }
        List<ShutdownReport.StuckThread> stuck = new ArrayList<>();
        if (left.isEmpty()) {
            return stuck;
        }
        Map<Integer, WorkerState> workers = StuckThreads.workers(queues);
        Map<Thread, StackTraceElement[]> stacks = StuckThreads.stacks(left);
        for (Lwp lwp : left) {
            ShutdownReport.StuckThread thread = StuckThreads.describe(lwp, workers, stacks);
            stuck.add(thread);
            if (thread.item() != null) {
                interrupted.remove(lwp.tid());
            }
        }
        return stuck;
    }
}
