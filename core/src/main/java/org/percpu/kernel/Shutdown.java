// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
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

/** One call of {@link Kernel#shutdown}. */
final class Shutdown {
    /** How long functions of users that still run get to end, all together. */
    private static final Duration GRACE = Duration.ofMillis(50);
    /**
     * The longest time that the library's threads with nothing left to run need to be gone, all together. Generous, for
     * busy machines.
     */
    private static final Duration LEAVES = Duration.ofSeconds(1);

    private final Kernel kernel;
    private final KernelCore core;
    private final Registry registry;
    private final @Nullable ExitCalls exitCalls;
    private boolean first;

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

    /** Whether this call has closed the kernel, and so reports the findings. */
    boolean isFirst() {
        return first;
    }

    ShutdownReport run(Duration drainAtMost) {
        requireOutsider();
        // This check comes before anything is marked: a caller that must not sleep leaves the kernel as it is.
        core.requireSleepable("shutdown");
        // Nothing runs in a cold kernel, and nothing will: there is nothing to drain.
        Duration drain = kernel.isCold() ? Duration.ZERO : drainAtMost;
        first = registry.close();
        List<Listing> queues = registry.queues();
        List<String> queuesLeft = queues.stream()
                .filter(queue -> !core.isShared(queue))
                .map(Listing::name)
                .toList();
        List<ReportedEnd> ends =
                queues.stream().map(queue -> new ReportedEnd(queue, exitCalls)).toList();
        List<Object> neverRun = QueueEnd.all(ends, drain, kernel.interruptsAtDeadline());
        List<ShutdownReport.Dropped> dropped = new ArrayList<>();
        Map<Integer, String> interrupted = new LinkedHashMap<>();
        for (ReportedEnd end : ends) {
            end.neverRun().forEach(work -> dropped.add(new ShutdownReport.Dropped(end.queueName(), work)));
            interrupted.putAll(end.interrupted());
        }
        assert dropped.size() == neverRun.size();
        ShutdownReport report = endThreads(queuesLeft, dropped, interrupted, faces(queues));
        AtExit.remove(kernel);
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

    private static Set<Integer> workers(List<KernelQueue> queues) {
        Set<Integer> tids = new HashSet<>();
        for (KernelQueue queue : queues) {
            for (WorkerState worker : queue.workers()) {
                tids.add(worker.thread().tid());
            }
        }
        return tids;
    }

    /** All are told first and then waited for together. */
    private ShutdownReport endThreads(
            List<String> queuesLeft,
            List<ShutdownReport.Dropped> dropped,
            Map<Integer, String> interrupted,
            List<KernelQueue> queues) {
        kernel.interruptThreads().close();
        List<String> neverStarted = new ArrayList<>();
        List<String> neverJoined = new ArrayList<>();
        List<Lwp> mayRun = new ArrayList<>();
        List<Lwp> haveNothingToRun = new ArrayList<>(registry.leaving());
        List<Lwp> all = registry.lwps();
        Set<Integer> listed = workers(queues);
        for (Lwp lwp : all) {
            boolean idle = lwp.destroyIfIdle();
            // A worker of no listed queue belongs to one whose creation met this shutdown and is refused.
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
        Deadline grace = Deadline.after(GRACE);
        Deadline leave = Deadline.after(LEAVES);
        all.forEach(lwp -> lwp.awaitGone(grace));
        haveNothingToRun.forEach(lwp -> lwp.awaitGone(leave));
        boolean watchGone = core.unlocked("lwpexit", () -> kernel.watch().awaitGone(leave));
        assert watchGone || leave.isOver();
        List<ShutdownReport.StuckThread> stuck = new ArrayList<>();
        for (Lwp lwp : mayRun) {
            if (lwp.thread().thread().isAlive() && lwp != Lwp.current()) {
                stuck.add(StuckThreads.describe(lwp, queues));
                interrupted.remove(lwp.tid());
            }
        }
        return new ShutdownReport(
                queuesLeft, dropped, neverStarted, neverJoined, List.copyOf(interrupted.values()), stuck);
    }
}
