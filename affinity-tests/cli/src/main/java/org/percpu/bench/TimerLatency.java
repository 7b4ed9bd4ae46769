// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Callout;

/**
 * How late timers are: a callout(9) of each CPU, beside a C program that sleeps by clock_nanosleep at the same policy, and
 * cyclictest where it is installed, in alternating rounds.
 */
public final class TimerLatency implements AutoCloseable {
    /** What is measured of percpu. */
    public static final String OURS = "callout";
    /** The C program. */
    public static final String C = "c";
    /** The program of rt-tests. */
    public static final String CYCLICTEST = "cyclictest";

    private static final int WARMING = 20_000;
    private static final Duration WARM_INTERVAL = Duration.ofNanos(50_000);
    private static final long LEAD_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long SPARE_SECONDS = 20;
    private static final int CYCLICTEST_MOST_MICROS = 100_000;
    private static final Pattern CYCLICTEST_LINE = Pattern.compile("(\\d{6,})\\s+([\\d\\s]+)");

    /**
     * How threads are scheduled.
     *
     * @param name other, fifo or rr, as C and cyclictest take it
     * @param number as Linux numbers it
     * @param priority 1 to 99, or 0 for other
     */
    public record Policy(String name, int number, int priority) {
        /** As Linux prints it. */
        @Override
        public String toString() {
            String upper = "SCHED_" + name.toUpperCase(Locale.ROOT);
            return priority == 0 ? upper : upper + " " + priority;
        }
    }

    /**
     * What to do.
     *
     * @param interval between expiries
     * @param duration of all rounds of one contender together
     * @param rounds how many
     * @param policy null for that of the kernel's clocks
     */
    public record Plan(
            Duration interval,
            Duration duration,
            int rounds,
            @Nullable Policy policy) {}

    /** Linux refuses the policy. */
    public static final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Refused(String message) {
            super(message);
        }
    }

    private final LinuxCalls linux = Backend.linux();
    private final Kernel kernel;
    private final Plan plan;
    private final List<Tick> ticks = new ArrayList<>();
    private final Map<String, String> leftOut = new LinkedHashMap<>();
    private final Map<String, Map<Integer, Lateness>> found = new LinkedHashMap<>();
    private final Policy policy;
    private final @Nullable Path program;
    private final @Nullable Path cyclictest;

    /** The callout of a CPU. Its function allocates nothing. */
    private final class Tick {
        final Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
        private Lateness lateness = new Lateness();
        private Duration interval = WARM_INTERVAL;
        private long nanos;
        private long due;
        private long end;
        private CountDownLatch done = new CountDownLatch(1);

        Tick(Cpu cpu) {
            callout.bind(cpu);
            callout.setfunc(none -> expired(), null);
        }

        private void expired() {
            long late = System.nanoTime() - due;
            lateness.add(late, 1);
            long passed = due + nanos >= end ? -1 : callout.scheduleNext(interval);
            if (passed < 0) {
                done.countDown();
                return;
            }
            lateness.missed(passed);
            due += (passed + 1) * nanos;
        }

        void start(Lateness into, Duration period, long first, long last) {
            done = new CountDownLatch(1);
            lateness = into;
            interval = period;
            nanos = period.toNanos();
            due = first;
            end = last;
            callout.scheduleAt(first);
        }

        void await(long atMostNanos) throws InterruptedException {
            if (!done.await(atMostNanos, TimeUnit.NANOSECONDS)) {
                throw new IllegalStateException("a callout of " + callout.cpu() + " did not come");
            }
        }
    }

    /**
     * Makes the callouts and warms them.
     *
     * @param kernel on whose CPUs
     * @param plan what to do
     * @throws IOException if the C program cannot be found or made
     * @throws InterruptedException if it is interrupted
     */
    public TimerLatency(Kernel kernel, Plan plan) throws IOException, InterruptedException {
        this.kernel = kernel;
        this.plan = plan;
        CReference reference = CReference.find("timer");
        this.program = reference.program();
        if (program == null) {
            leftOut.put(C, reference.problem());
        }
        this.cyclictest = CReference.onPath(CYCLICTEST);
        for (Cpu cpu : kernel.cpus()) {
            ticks.add(new Tick(cpu));
        }
        this.policy = schedule();
        long start = System.nanoTime() + LEAD_NANOS;
        for (Tick tick : ticks) {
            tick.start(new Lateness(), WARM_INTERVAL, start, start + WARMING * WARM_INTERVAL.toNanos());
        }
        await(WARMING * WARM_INTERVAL.toNanos());
    }

    private void await(long nanos) throws InterruptedException {
        for (Tick tick : ticks) {
            tick.await(nanos + LEAD_NANOS + TimeUnit.SECONDS.toNanos(SPARE_SECONDS));
        }
    }

    /** Each clock sets its own policy. Returns what they have. */
    private Policy schedule() throws InterruptedException {
        AtomicReference<String> refused = new AtomicReference<>();
        AtomicReference<Policy> has = new AtomicReference<>(new Policy("other", LinuxCalls.SCHED_OTHER, 0));
        CountDownLatch all = new CountDownLatch(ticks.size());
        Policy asked = plan.policy();
        List<Callout> callouts = new ArrayList<>();
        for (Tick tick : ticks) {
            Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
            callout.bind(tick.callout.cpu());
            callout.reset(
                    0,
                    none -> {
                        if (asked != null) {
                            int result = linux.pthread_setschedparam(
                                    linux.pthread_self(),
                                    asked.number() | LinuxCalls.SCHED_RESET_ON_FORK,
                                    asked.priority());
                            if (result < 0) {
                                refused.set(Errno.name(-result));
                            }
                        }
                        int number = linux.sched_getscheduler(0) & ~LinuxCalls.SCHED_RESET_ON_FORK;
                        has.set(new Policy(
                                number == LinuxCalls.SCHED_FIFO
                                        ? "fifo"
                                        : number == LinuxCalls.SCHED_RR ? "rr" : "other",
                                number,
                                linux.sched_getparam(0)));
                        all.countDown();
                    },
                    null);
            callouts.add(callout);
        }
        if (!all.await(SPARE_SECONDS, TimeUnit.SECONDS)) {
            throw new IllegalStateException("the clocks do not run");
        }
        callouts.forEach(callout -> callout.halt(null));
        if (refused.get() != null) {
            throw new Refused("Linux refuses " + asked + " (" + refused.get()
                    + "): run as root, raise the limit by ulimit -r " + (asked == null ? 0 : asked.priority())
                    + ", or write -P o:");
        }
        return has.get();
    }

    /**
     * The policy of all contenders.
     *
     * @return what Linux says
     */
    public Policy policy() {
        return policy;
    }

    /**
     * Who could not take part.
     *
     * @return the reason by name
     */
    public Map<String, String> leftOut() {
        return leftOut;
    }

    /**
     * Measures everybody.
     *
     * @return by contender and CPU number, percpu first
     * @throws IOException if a program cannot be run
     * @throws InterruptedException if it is interrupted
     */
    public Map<String, Map<Integer, Lateness>> run() throws IOException, InterruptedException {
        long each = plan.duration().toNanos() / plan.rounds();
        for (int round = 0; round < plan.rounds(); round++) {
            ours(each);
            if (program != null && !leftOut.containsKey(C)) {
                c(program, each);
            }
            if (cyclictest != null && !leftOut.containsKey(CYCLICTEST)) {
                cyclictest(cyclictest, each);
            }
        }
        return found;
    }

    private Lateness of(String contender, int cpu) {
        return found.computeIfAbsent(contender, name -> new LinkedHashMap<>())
                .computeIfAbsent(cpu, id -> new Lateness());
    }

    private void ours(long nanos) throws InterruptedException {
        long start = System.nanoTime() + LEAD_NANOS;
        for (Tick tick : ticks) {
            tick.start(of(OURS, tick.callout.cpu().id()), plan.interval(), start, start + nanos);
        }
        await(nanos);
    }

    private void c(Path file, long nanos) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                file.toString(),
                policy.name(),
                Integer.toString(policy.priority()),
                Long.toString(plan.interval().toNanos()),
                Long.toString(nanos)));
        kernel.cpus().forEach(cpu -> command.add(Integer.toString(cpu.id())));
        String answer = output(C, command, nanos);
        for (String line : answer.lines().filter(text -> text.startsWith("{")).toList()) {
            Map<String, Object> one = JSON.std.mapFrom(line);
            Lateness lateness = of(C, (int) number(one, "cpu"));
            lateness.missed(number(one, "missed"));
            for (Object value : (List<?>) Objects.requireNonNull(one.get("values"))) {
                List<?> pair = (List<?>) value;
                lateness.add(((Number) pair.get(0)).longValue(), ((Number) pair.get(1)).longValue());
            }
        }
    }

    private static long number(Map<String, Object> one, String name) {
        return ((Number) Objects.requireNonNull(one.get(name), name)).longValue();
    }

    /** It counts in whole microseconds, which it cuts. */
    private void cyclictest(Path file, long nanos) throws IOException, InterruptedException {
        long seconds = Math.max(1, TimeUnit.NANOSECONDS.toSeconds(nanos));
        List<String> cpus =
                kernel.cpus().stream().map(cpu -> Integer.toString(cpu.id())).toList();
        List<String> command = new ArrayList<>(List.of(
                file.toString(),
                "--quiet",
                "--mlockall",
                "--policy=" + policy.name(),
                "--affinity=" + String.join(",", cpus),
                "--threads=" + cpus.size(),
                "--interval=" + TimeUnit.NANOSECONDS.toMicros(plan.interval().toNanos()),
                "--distance=0",
                "--duration=" + seconds,
                "--histogram=" + CYCLICTEST_MOST_MICROS));
        if (policy.priority() > 0) {
            command.add("--priority=" + policy.priority());
        }
        for (String line : output(CYCLICTEST, command, nanos).lines().toList()) {
            Matcher form = CYCLICTEST_LINE.matcher(line.strip());
            if (form.matches()) {
                String[] counts = form.group(2).strip().split("\\s+", -1);
                for (int i = 0; i < Math.min(counts.length, cpus.size()); i++) {
                    long count = Long.parseLong(counts[i]);
                    if (count > 0) {
                        of(CYCLICTEST, Integer.parseInt(cpus.get(i)))
                                .add(TimeUnit.MICROSECONDS.toNanos(Long.parseLong(form.group(1))), count);
                    }
                }
            }
        }
    }

    /** What a program prints. One that fails is left out from then on. */
    private String output(String contender, List<String> command, long nanos) throws IOException, InterruptedException {
        Path errors = Files.createTempFile("percpu-timerlat", ".err");
        try {
            Process process =
                    new ProcessBuilder(command).redirectError(errors.toFile()).start();
            process.getOutputStream().close();
            Thread watchdog = new Thread(
                    () -> {
                        try {
                            if (!process.waitFor(
                                    TimeUnit.NANOSECONDS.toSeconds(nanos) + SPARE_SECONDS, TimeUnit.SECONDS)) {
                                process.destroyForcibly();
                            }
                        } catch (InterruptedException e) {
                            Thread.currentThread().interrupt();
                        }
                    },
                    "timerlat-watchdog");
            watchdog.setDaemon(true);
            watchdog.start();
            String said;
            try (InputStream output = process.getInputStream()) {
                said = new String(output.readAllBytes(), StandardCharsets.UTF_8);
            }
            int status = process.waitFor();
            watchdog.interrupt();
            if (status != 0) {
                String why = Files.readString(errors).lines().findFirst().orElse("it printed nothing");
                leftOut.put(contender, "it ended with status " + status + ": " + why);
                return "";
            }
            return said;
        } finally {
            Files.deleteIfExists(errors);
        }
    }

    @Override
    public void close() {
        ticks.forEach(tick -> tick.callout.halt(null));
    }
}
