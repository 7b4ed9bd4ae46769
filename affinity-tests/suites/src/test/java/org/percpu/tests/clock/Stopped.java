// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.clock;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Callout;
import org.percpu.tests.support.Bounded;

/** Has itself stopped for a second with SIGSTOP, under timers whose time comes meanwhile. */
final class Stopped {
    private Stopped() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        try (Kernel kernel = Kernel.builder("stopped").build()) {
            List<AtomicInteger> runs = new ArrayList<>();
            List<Callout> callouts = new ArrayList<>();
            AtomicLong missed = new AtomicLong();
            AtomicInteger periods = new AtomicInteger();
            Duration period = Duration.ofMillis(10);
            long before = System.nanoTime();
            for (int i = 0; i < 200; i++) {
                AtomicInteger run = new AtomicInteger();
                Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
                callout.reset(Duration.ofMillis(300 + 2L * i), arg -> run.incrementAndGet(), null);
                runs.add(run);
                callouts.add(callout);
            }
            Callout periodic = new Callout(kernel, Callout.CALLOUT_MPSAFE);
            periodic.setfunc(
                    arg -> {
                        missed.addAndGet(periodic.scheduleNext(period));
                        periods.incrementAndGet();
                    },
                    null);
            periodic.scheduleAt(before + period.toNanos());
            Bounded.until("the period runs", () -> periods.get() > 3);
            long pid = ProcessHandle.current().pid();
            int status = new ProcessBuilder(
                            "sh", "-c", "kill -STOP " + pid + "; sleep " + args[0] + "; kill -CONT " + pid)
                    .inheritIO()
                    .start()
                    .waitFor();
            require(status == 0, "kill failed");
            Bounded.until("all have run", () -> runs.stream().allMatch(run -> run.get() > 0));
            periodic.halt(null);
            long after = System.nanoTime();
            require(runs.stream().allMatch(run -> run.get() == 1), "a timer ran twice");
            require(callouts.stream().noneMatch(Callout::pending), "a timer is pending");
            long all = periods.get() + missed.get();
            long most = (after - before) / period.toNanos();
            require(missed.get() >= 50, "only " + missed + " periods were missed in a second");
            require(all <= most, periods + " periods and " + missed + " missed in " + (after - before) + " ns");
            System.out.println("all ran once, " + missed + " periods were missed");
        }
    }

    private static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise);
        }
    }
}
