// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.micrometer;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import org.percpu.kernel.ClockState;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelQueue;
import org.percpu.kernel.TimeHistogram;
import org.percpu.kernel.WorkerCounters;

/**
 * The meters of one kernel. Bind it once to each registry:
 *
 * <pre>{@code
 * new KernelMetrics(kernel).bindTo(registry);
 * }</pre>
 *
 * <table>
 * <caption>Meters, all with the tag {@code kernel}</caption>
 * <tr><th>Name</th><th>More tags</th><th>What</th></tr>
 * <tr><td>{@code percpu.queue.depth}</td><td>queue</td><td>works that wait</td></tr>
 * <tr><td>{@code percpu.queue.enqueued}, {@code .executed}, {@code .coalesced}, {@code .deleted}, {@code .threw}</td>
 * <td>queue</td><td>counters, see {@link WorkerCounters}</td></tr>
 * <tr><td>{@code percpu.queue.waiting}, {@code percpu.queue.running}</td><td>queue</td><td>timers: how many works, and
 * how long they waited and ran together; only with {@link Kernel#timing()}</td></tr>
 * <tr><td>{@code percpu.queue.waiting.percentile}, {@code percpu.queue.running.percentile}</td><td>queue, quantile</td>
 * <td>0.5, 0.99 and 1 since the queue was made; only with {@link Kernel#timing()}</td></tr>
 * <tr><td>{@code percpu.stalls}</td><td></td><td>stalls that the kernel reported</td></tr>
 * <tr><td>{@code percpu.pins.lost}</td><td></td><td>pins that threads alive have lost; asks the Linux kernel</td></tr>
 * <tr><td>{@code percpu.timers.fired}, {@code percpu.timers.late}, {@code percpu.timers.worst.late}</td><td>cpu</td>
 * <td>timers called, called more than a tick late, and the greatest lateness</td></tr>
 * <tr><td>{@code percpu.queues}</td><td></td><td>queues with workers</td></tr>
 * </table>
 *
 * <p>A queue has the name of its worker: a queue with a worker on each CPU is one queue for each of them, such as
 * {@code rx/3}. Queues and clocks come and go: {@link #refresh} adds meters for new ones and removes those of ended ones.
 * Each reading of {@code percpu.queues} does so too, so that a new queue is there at the second scrape after it was made.
 */
public final class KernelMetrics implements MeterBinder {
    private static final Map<String, Double> QUANTILES = Map.of("0.5", 50.0, "0.99", 99.0, "1", 100.0);

    private final Kernel kernel;
    private final Tags tags;

    // Guarded by this.
    private final Map<MeterRegistry, Map<String, Entry>> bound = new HashMap<>();

    /** The meters of one queue or clock. Another queue of the same name has other workers. */
    private record Entry(List<?> subject, List<Meter> meters) {}

    /**
     * The meters of a kernel, not yet bound.
     *
     * @param kernel any
     */
    public KernelMetrics(Kernel kernel) {
        this.kernel = kernel;
        this.tags = Tags.of("kernel", kernel.name());
    }

    @Override
    public synchronized void bindTo(MeterRegistry registry) {
        if (bound.putIfAbsent(registry, new LinkedHashMap<>()) != null) {
            return;
        }
        FunctionCounter.builder("percpu.stalls", kernel, Kernel::stalls)
                .description("Stalls that the kernel reported")
                .tags(tags)
                .register(registry);
        Gauge.builder("percpu.pins.lost", kernel, KernelMetrics::pinsLost)
                .description("Pins that threads alive have lost")
                .tags(tags)
                .register(registry);
        Gauge.builder("percpu.queues", this, KernelMetrics::refresh)
                .description("Queues with workers")
                .tags(tags)
                .strongReference(true)
                .register(registry);
        int unused = refresh();
    }

    private static double pinsLost(Kernel kernel) {
        return kernel.lwps().stream().mapToLong(lwp -> lwp.state().pinsLost()).sum();
    }

    /**
     * Adds meters for what is new in the kernel, and removes the meters of what has ended.
     *
     * @return how many queues there are now
     */
    public synchronized int refresh() {
        Map<String, List<WorkerCounters>> queues = new LinkedHashMap<>();
        for (KernelQueue queue : kernel.queues()) {
            for (WorkerCounters worker : queue.counters()) {
                queues.computeIfAbsent(worker.queue(), name -> new ArrayList<>())
                        .add(worker);
            }
        }
        List<ClockState> clocks = kernel.clocks();
        bound.forEach((registry, entries) -> {
            Set<String> wanted = new HashSet<>();
            queues.forEach((name, workers) -> {
                String key = "queue " + name;
                wanted.add(key);
                Entry known = entries.get(key);
                if (known == null || !known.subject().equals(workers)) {
                    remove(registry, known);
                    entries.put(key, new Entry(workers, queue(registry, name, workers)));
                }
            });
            for (ClockState clock : clocks) {
                String key = "clock " + clock.cpu().id();
                wanted.add(key);
                entries.computeIfAbsent(
                        key,
                        k -> new Entry(List.of(), clock(registry, clock.cpu().id())));
            }
            entries.entrySet().removeIf(entry -> {
                boolean ended = !wanted.contains(entry.getKey());
                if (ended) {
                    remove(registry, entry.getValue());
                }
                return ended;
            });
        });
        return queues.size();
    }

    private static void remove(MeterRegistry registry, @Nullable Entry old) {
        if (old != null) {
            old.meters().forEach(registry::remove);
        }
    }

    private List<Meter> queue(MeterRegistry registry, String name, List<WorkerCounters> workers) {
        Tags queue = tags.and("queue", name);
        WorkerCounters first = workers.get(0);
        List<Meter> meters = new ArrayList<>();
        meters.add(Gauge.builder("percpu.queue.depth", first, WorkerCounters::depth)
                .description("Works that wait")
                .tags(queue)
                .strongReference(true)
                .register(registry));
        meters.add(counter(registry, "enqueued", queue, first, WorkerCounters::enqueued));
        meters.add(counter(registry, "coalesced", queue, first, WorkerCounters::coalesced));
        meters.add(counter(registry, "deleted", queue, first, WorkerCounters::deleted));
        meters.add(counter(registry, "executed", queue, workers, all -> sum(all, WorkerCounters::executed)));
        meters.add(counter(registry, "threw", queue, workers, all -> sum(all, WorkerCounters::threw)));
        if (kernel.timing()) {
            times(registry, "waiting", queue, workers, WorkerCounters::waiting, meters);
            times(registry, "running", queue, workers, WorkerCounters::running, meters);
        }
        return meters;
    }

    private static <T> Meter counter(
            MeterRegistry registry, String what, Tags queue, T object, ToDoubleFunction<T> function) {
        return FunctionCounter.builder("percpu.queue." + what, object, function)
                .tags(queue)
                .register(registry);
    }

    private static long sum(List<WorkerCounters> workers, ToLongFunction<WorkerCounters> count) {
        return workers.stream().mapToLong(count).sum();
    }

    private static void times(
            MeterRegistry registry,
            String what,
            Tags queue,
            List<WorkerCounters> workers,
            Function<WorkerCounters, @Nullable TimeHistogram> histogram,
            List<Meter> meters) {
        meters.add(FunctionTimer.builder(
                        "percpu.queue." + what,
                        workers,
                        all -> sum(all, worker -> of(worker, histogram, TimeHistogram::count)),
                        all -> sum(all, worker -> of(worker, histogram, TimeHistogram::totalNanos)),
                        TimeUnit.NANOSECONDS)
                .tags(queue)
                .register(registry));
        QUANTILES.forEach((quantile, percent) -> meters.add(TimeGauge.builder(
                        "percpu.queue." + what + ".percentile",
                        () -> workers.stream()
                                .mapToLong(worker -> of(worker, histogram, times -> times.percentileNanos(percent)))
                                .max()
                                .orElse(0),
                        TimeUnit.NANOSECONDS)
                .tags(queue.and("quantile", quantile))
                .strongReference(true)
                .register(registry)));
    }

    private static long of(
            WorkerCounters worker,
            Function<WorkerCounters, @Nullable TimeHistogram> histogram,
            ToLongFunction<TimeHistogram> value) {
        TimeHistogram times = histogram.apply(worker);
        return times == null ? 0 : value.applyAsLong(times);
    }

    private List<Meter> clock(MeterRegistry registry, int cpu) {
        Tags clock = tags.and("cpu", Integer.toString(cpu));
        List<Meter> meters = new ArrayList<>();
        meters.add(FunctionCounter.builder("percpu.timers.fired", kernel, k -> of(k, cpu, ClockState::fired))
                .tags(clock)
                .register(registry));
        meters.add(FunctionCounter.builder("percpu.timers.late", kernel, k -> of(k, cpu, ClockState::late))
                .tags(clock)
                .register(registry));
        meters.add(TimeGauge.builder(
                        "percpu.timers.worst.late",
                        () -> of(kernel, cpu, state -> state.worstLate().toNanos()),
                        TimeUnit.NANOSECONDS)
                .tags(clock)
                .strongReference(true)
                .register(registry));
        return meters;
    }

    private static long of(Kernel kernel, int cpu, ToLongFunction<ClockState> value) {
        for (ClockState clock : kernel.clocks()) {
            if (clock.cpu().id() == cpu) {
                return value.applyAsLong(clock);
            }
        }
        return 0;
    }
}
