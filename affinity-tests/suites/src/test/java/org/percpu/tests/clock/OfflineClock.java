// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.clock;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Callout;
import org.percpu.tests.support.Bounded;
import org.percpu.thread.ThreadState;

/** Takes the last CPU, the argument, offline under timers of that CPU, and brings it back. The caller does so too. */
final class OfflineClock {
    private OfflineClock() {}

    public static void main(String[] args) throws IOException {
        Path online = Path.of("/sys/devices/system/cpu/cpu" + args[0] + "/online");
        try (Kernel kernel = Kernel.builder("offline")
                .console(System.out::println)
                .pinWatch(Duration.ofMillis(10))
                .build()) {
            int index = kernel.cpus().size() - 1;
            Cpu cpu = kernel.cpus().get(index);
            AtomicInteger ran = new AtomicInteger();
            List<Callout> callouts = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                Callout callout = new Callout(kernel, Callout.CALLOUT_MPSAFE);
                callout.bind(cpu);
                callout.reset(Duration.ofMillis(50 + i / 2), arg -> ran.incrementAndGet(), null);
                callouts.add(callout);
            }
            Files.writeString(online, "0");
            Bounded.until("the pin is lost", () -> !isPinned(kernel, index, cpu));
            Bounded.until("half have run", () -> ran.get() >= 500);
            Files.writeString(online, "1");
            Bounded.until("all have run", () -> ran.get() == 1000);
            Bounded.until("the clock is pinned", () -> isPinned(kernel, index, cpu));
            if (callouts.stream().anyMatch(Callout::pending)) {
                throw new AssertionError("a timer is pending");
            }
            System.out.println("1000 ran, pinned again");
        }
    }

    private static boolean isPinned(Kernel kernel, int index, Cpu cpu) {
        ThreadState state = kernel.clocks().get(index).thread();
        return state.allowed().size() == 1 && state.allowed().contains(cpu.id());
    }
}
