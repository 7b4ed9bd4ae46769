// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.percpu.bench.TimerLatency.Policy;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.KernelBuilder;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What every command that measures times takes: on which CPUs, for how long, and how the threads are scheduled. */
final class TimingOptions {
    private static final Pattern POLICY = Pattern.compile("(?:(o):?|([rf]):(\\d{1,2}))");
    private static final int MOST_PRIORITY = 99;

    @Mixin
    private final CpusOption cpus = new CpusOption();

    @Option(
            names = {"-D", "--duration"},
            paramLabel = "T",
            defaultValue = "10s",
            description =
                    "How long each contender measures, over all rounds: 500ms, 10s, 2m; ${DEFAULT-VALUE} unless given.")
    private String duration = "10s";

    @Option(
            names = {"-P", "--sched"},
            paramLabel = "o:|r:PRIO|f:PRIO",
            description =
                    "The policy of everybody's threads: o: for SCHED_OTHER, r:80 for SCHED_RR at 80, f:80 for SCHED_FIFO at 80."
                            + " Otherwise that of percpu's own threads, as far as Linux grants it.")
    private @Nullable String sched;

    Kernel kernel(KernelBuilder builder) {
        return cpus.kernel(builder);
    }

    long durationNanos() {
        return Durations.parse("--duration", duration);
    }

    /** Null if none was asked for. */
    @Nullable
    Policy policy() {
        if (sched == null) {
            return null;
        }
        Matcher form = POLICY.matcher(sched);
        if (form.matches()) {
            if (form.group(1) != null) {
                return new Policy("other", LinuxCalls.SCHED_OTHER, 0);
            }
            int priority = Integer.parseInt(form.group(3));
            if (priority >= 1 && priority <= MOST_PRIORITY) {
                return form.group(2).equals("f")
                        ? new Policy("fifo", LinuxCalls.SCHED_FIFO, priority)
                        : new Policy("rr", LinuxCalls.SCHED_RR, priority);
            }
        }
        throw new BadInput("--sched '" + sched + "': write o: for SCHED_OTHER, or r: or f: with a priority from 1 to "
                + MOST_PRIORITY + ", such as f:80");
    }
}
