// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.events.Events;
import org.percpu.lwp.BigLock;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Lwp;
import org.percpu.thread.KernelThread;

/**
 * Looks for what makes no progress, and reports it at the limit, at twice the limit, at four times the limit, and so on.
 *
 * <p>The watch measures in its own time: from one look to the next at most two periods pass. While the whole process is
 * stopped, or Linux does not run the watch, its time stands still. So nothing is reported that could not run either.
 */
final class StallWatch {
    /** Looks in the time of the limit. A stall is found after at most one and a quarter of the limit. */
    private static final int LOOKS = 8;

    /** What one subject was seen doing. */
    private static final class Seen {
        /** Two looks with the same mark saw no progress. */
        private Object mark = this;

        private long since;
        private long nextReport;
        private boolean current;
    }

    private final KernelCore core;
    private final Supplier<List<KernelQueue>> queues;
    private final FaultHandler handler;
    private final long limitNanos;
    private final AtomicLong reported = new AtomicLong();

    // Only the watch uses these fields.
    private final Map<Object, Seen> seen = new HashMap<>();
    private long time;
    private long lastLook;

    StallWatch(KernelCore core, Supplier<List<KernelQueue>> queues, Duration limit, FaultHandler handler) {
        this.core = core;
        this.queues = queues;
        this.handler = handler;
        this.limitNanos = TimeUnit.NANOSECONDS.convert(limit);
    }

    /** How often to look; 0 for never. */
    long periodNanos() {
        return limitNanos == 0 ? 0 : Math.max(1, limitNanos / LOOKS);
    }

    /** How many stalls were reported, each once. Any thread may ask. */
    long reported() {
        return reported.get();
    }

    void look() {
        long now = System.nanoTime();
        if (!seen.isEmpty()) {
            time += Math.min(now - lastLook, 2 * periodNanos());
        }
        lastLook = now;
        for (Seen one : seen.values()) {
            one.current = false;
        }
        if (!core.boot().isCold()) {
            for (KernelQueue queue : queues.get()) {
                lookAt(queue.counters());
            }
            lookAtLock();
            lookForCircles();
        }
        seen.values().removeIf(one -> !one.current);
    }

    /** Workers with the same queue follow each other. */
    private void lookAt(List<WorkerCounters> counters) {
        for (int from = 0, to = 0; from < counters.size(); from = to) {
            String queue = counters.get(from).queue();
            long executed = 0;
            boolean busy = false;
            for (to = from; to < counters.size() && counters.get(to).queue().equals(queue); to++) {
                WorkerCounters worker = counters.get(to);
                long ran = worker.executed();
                executed += ran;
                if (worker.isBusy()) {
                    busy = true;
                    long lasts = lasts(worker, ran);
                    if (lasts > 0) {
                        callback(worker, lasts);
                    }
                }
            }
            WorkerCounters first = counters.get(from);
            if (!busy && first.depth() > 0) {
                long lasts = lasts(List.of(first), executed);
                if (lasts > 0) {
                    queue(first, lasts);
                }
            }
        }
    }

    private void callback(WorkerCounters worker, long nanos) {
        String item = worker.item();
        tell(Stall.Kind.CALLBACK, worker.queue(), item, nanos, worker.thread(), "runs " + item + " for " + text(nanos));
    }

    private void queue(WorkerCounters worker, long nanos) {
        tell(
                Stall.Kind.QUEUE,
                worker.queue(),
                null,
                nanos,
                worker.thread(),
                "has " + worker.depth() + " items and has begun none for " + text(nanos));
    }

    private void lookAtLock() {
        BigLock lock = core.lock();
        int takes = lock.takes();
        Thread holder = lock.holder();
        if (holder == null || !lock.isAwaited()) {
            return;
        }
        long lasts = lasts(lock, takes);
        if (lasts > 0) {
            KernelThread known = known(holder);
            String text = "is held by " + holder.getName()
                    + (holder.isAlive() ? "" : ", which has ended without releasing it,") + " for " + text(lasts)
                    + ", and others wait for it";
            report(Stall.Kind.LOCK, "the kernel lock", itemOf(known), lasts, holder, known, text + waitsFor(known));
        }
    }

    private void lookForCircles() {
        WaitGraph graph = new WaitGraph(core.lock());
        Set<Thread> told = new HashSet<>();
        for (Lwp lwp : core.registry().lwps()) {
            Thread thread = lwp.thread().thread();
            List<Thread> circle =
                    told.contains(thread) || graph.of(thread).isEmpty() ? List.of() : graph.circle(thread);
            if (circle.isEmpty() || !told.addAll(circle)) {
                continue;
            }
            List<Thread> sorted = new ArrayList<>(circle);
            sorted.sort(Comparator.comparing(Thread::getName));
            long lasts = lasts(sorted, sorted);
            if (lasts > 0) {
                Thread first = circle.get(0);
                KernelThread known = known(first);
                report(
                        Stall.Kind.CYCLE,
                        first.getName(),
                        itemOf(known),
                        lasts,
                        first,
                        known,
                        "waits in a circle for " + text(lasts) + ": " + describe(circle));
            }
        }
    }

    private String describe(List<Thread> circle) {
        StringBuilder text = new StringBuilder();
        for (Thread thread : circle) {
            KernelThread known = known(thread);
            String item = itemOf(known);
            text.append(thread.getName())
                    .append(item == null ? "" : " (in " + item + ")")
                    .append(known == null ? " waits" : " waits for " + known.waitsFor())
                    .append("; ");
        }
        return text + "back to " + circle.get(0).getName();
    }

    /**
     * Notes that a subject looks the same as before, and returns for how long, if that is to be reported now; else 0.
     */
    private long lasts(Object subject, Object mark) {
        Seen one = seen.computeIfAbsent(subject, s -> new Seen());
        one.current = true;
        if (!one.mark.equals(mark)) {
            one.mark = mark;
            one.since = time;
            one.nextReport = limitNanos;
            return 0;
        }
        long lasts = time - one.since;
        if (lasts < one.nextReport) {
            return 0;
        }
        if (one.nextReport == limitNanos) {
            reported.incrementAndGet();
        }
        while (one.nextReport <= lasts) {
            one.nextReport = one.nextReport > Long.MAX_VALUE / 2 ? Long.MAX_VALUE : 2 * one.nextReport;
        }
        return lasts;
    }

    private @Nullable KernelThread known(Thread thread) {
        for (Lwp lwp : core.registry().lwps()) {
            if (lwp.thread().thread().equals(thread)) {
                return lwp;
            }
        }
        return null;
    }

    private @Nullable String itemOf(@Nullable KernelThread thread) {
        if (thread == null) {
            return null;
        }
        for (KernelQueue queue : queues.get()) {
            for (WorkerCounters worker : queue.counters()) {
                if (thread.equals(worker.thread()) && worker.isBusy()) {
                    return worker.item();
                }
            }
        }
        return null;
    }

    private static String waitsFor(@Nullable KernelThread thread) {
        String waitsFor = thread == null ? null : thread.waitsFor();
        return waitsFor == null ? "" : ", and waits for " + waitsFor;
    }

    private void tell(
            Stall.Kind kind,
            String subject,
            @Nullable String item,
            long nanos,
            @Nullable KernelThread thread,
            String text) {
        report(
                kind,
                subject,
                item,
                nanos,
                thread == null ? null : thread.thread().thread(),
                thread,
                text + waitsFor(thread));
    }

    private void report(
            Stall.Kind kind,
            String subject,
            @Nullable String item,
            long nanos,
            @Nullable Thread thread,
            @Nullable KernelThread known,
            String text) {
        int tid = known == null ? 0 : known.tid();
        int cpu = known == null ? -1 : known.state().lastCpu();
        String line = "kernel " + core.name() + ": stall: " + subject + " " + text
                + (known == null ? "" : " (thread " + known.name() + ", tid " + tid + ", CPU " + cpu + ")");
        Stall stall = new Stall(
                core.name(),
                kind,
                subject,
                item,
                Duration.ofNanos(nanos),
                thread == null ? null : thread.getName(),
                tid,
                cpu,
                thread == null ? List.of() : List.of(thread.getStackTrace()),
                line);
        core.reports().console(stall.toString());
        Events.stall(core.name(), kind.name(), subject, item, nanos, stall.thread(), tid, cpu, line);
        handler.stalled(stall);
    }

    private static String text(long nanos) {
        return String.format(Locale.ROOT, "%.3f s", nanos / 1e9);
    }
}
