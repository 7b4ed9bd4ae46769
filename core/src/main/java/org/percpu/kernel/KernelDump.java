// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.lwp.BigLock;
import org.percpu.thread.KernelThread;

/** All that a kernel does, as text: its workers, its other threads, the stacks of those that do something, and circles. */
final class KernelDump {
    private KernelDump() {}

    static String of(KernelMXBean bean, List<KernelThread> threads, BigLock lock) {
        StringBuilder text = new StringBuilder();
        String holder = bean.getLockHolder();
        text.append("kernel ")
                .append(bean.getName())
                .append(": kernel lock ")
                .append(holder == null ? "free" : "held by " + holder)
                .append(", stalls ")
                .append(bean.getStalls())
                .append('\n');
        Set<Integer> busy = new HashSet<>();
        Set<Integer> workers = new HashSet<>();
        for (KernelMXBean.Worker worker : bean.getWorkers()) {
            workers.add(worker.getThread().getTid());
            if (worker.getItem() != null) {
                busy.add(worker.getThread().getTid());
            }
            worker(text, worker);
        }
        for (KernelMXBean.Clock clock : bean.getClocks()) {
            text.append("  clock of CPU ")
                    .append(clock.getCpu())
                    .append(": pending ")
                    .append(clock.getPending())
                    .append(", fired ")
                    .append(clock.getFired())
                    .append(", late ")
                    .append(clock.getLate())
                    .append('\n');
        }
        stacks(text, threads, workers, busy);
        circles(text, threads, new WaitGraph(lock));
        return text.toString();
    }

    private static void worker(StringBuilder text, KernelMXBean.Worker worker) {
        KernelMXBean.ThreadInfo thread = worker.getThread();
        text.append("  queue ").append(worker.getQueue()).append(": ").append(describe(thread));
        text.append(", depth ").append(worker.getDepth()).append(", executed ").append(worker.getExecuted());
        if (worker.getThrew() > 0) {
            text.append(", threw ").append(worker.getThrew());
        }
        if (worker.getItem() != null) {
            text.append(", runs ")
                    .append(worker.getItem())
                    .append(" for ")
                    .append(String.format(Locale.ROOT, "%.3f s", worker.getItemNanos() / 1e9));
        }
        waitsFor(text, thread.getWaitsFor());
    }

    private static String describe(KernelMXBean.ThreadInfo thread) {
        return "thread " + thread.getName() + " tid " + thread.getTid() + " CPU " + thread.getCpu() + ", "
                + thread.getPolicy()
                + (thread.isBound() ? thread.isPinned() ? ", pinned to " : ", PIN LOST, asked " : ", not bound to ")
                + thread.getAsked();
    }

    private static void waitsFor(StringBuilder text, @Nullable String waitsFor) {
        text.append(waitsFor == null ? "" : ", waits for " + waitsFor).append('\n');
    }

    private static void stacks(
            StringBuilder text, List<KernelThread> threads, Set<Integer> workers, Set<Integer> busy) {
        for (KernelThread thread : threads) {
            if (workers.contains(thread.tid()) && !busy.contains(thread.tid())) {
                continue;
            }
            text.append("thread ")
                    .append(thread.name())
                    .append(" tid ")
                    .append(thread.tid())
                    .append(' ')
                    .append(thread.stat());
            waitsFor(text, thread.waitsFor());
            for (StackTraceElement frame : thread.thread().thread().getStackTrace()) {
                text.append("    at ").append(frame).append('\n');
            }
        }
    }

    private static void circles(StringBuilder text, List<KernelThread> threads, WaitGraph graph) {
        Set<Thread> told = new HashSet<>();
        for (KernelThread thread : threads) {
            List<Thread> circle = graph.circle(thread.thread().thread());
            if (!circle.isEmpty() && told.addAll(circle)) {
                List<String> names = new ArrayList<>();
                circle.forEach(one -> names.add(one.getName()));
                names.add(names.get(0));
                text.append("circle: ")
                        .append(String.join(" waits for ", names))
                        .append('\n');
            }
        }
    }
}
