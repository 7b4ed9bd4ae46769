// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.bindings.sim.Faults;
import org.percpu.bindings.sim.SimMachine;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.CpuTopology;
import org.percpu.intr.InterruptLine;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.SplSupport;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Pri;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;

/** What the flight recorder saw read while the library ran on a simulated machine. */
@Timeout(60)
@DisplayName("A program on a simulated machine")
class LinuxFilesTest {
    @BeforeAll
    static void onASimulatedMachine() {
        Machine.skipUnless(Machine.isSimulated(), "needs a simulated machine: -Dpercpu.backend=sim");
    }

    @Test
    @DisplayName(
            "reads no file of the Linux below it: topology, queues, interrupts, and the reason of a refused policy")
    void noFileOfLinux() throws IOException {
        Path file = Files.createTempFile("percpu-sim", ".jfr");
        try (Recording recording = new Recording()) {
            recording.enable("jdk.FileRead").withThreshold(Duration.ZERO);
            recording.start();
            // So that the test fails where nothing is recorded.
            assertThat(Files.readAllBytes(Files.createTempFile("percpu-sim", ".read")))
                    .isEmpty();
            use();
            recording.stop();
            recording.dump(file);
        }
        List<String> read = new ArrayList<>();
        for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
            if (event.getEventType().getName().equals("jdk.FileRead")) {
                read.add(event.getString("path"));
            }
        }
        Files.delete(file);
        assertThat(read).anyMatch(path -> path.endsWith(".read"));
        assertThat(read).noneMatch(path -> path.startsWith("/proc") || path.startsWith("/sys"));
    }

    private static void use() {
        assertThat(CpuTopology.refresh().allowed().size()).isPositive();
        assertThat(SplSupport.get().toString()).isNotEmpty();
        try (Kernel kernel = Kernel.builder("files").build()) {
            Workqueue<Work> wq = Workqueue.create(
                    kernel, "wq", (work, none) -> {}, null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
            wq.enqueue(new Work(), null);
            Semaphore handled = new Semaphore(0);
            try (InterruptLine line = InterruptLine.establish(
                    kernel.interrupts(kernel.cpus().get(0)), "line", Ipl.VM, value -> handled.release())) {
                assertThat(line.trigger(1)).isTrue();
                Bounded.acquire(handled, 1);
            }
            assertThat(wq.drainAndDestroy(Duration.ofSeconds(10))).isEmpty();
        }
        SimMachine.ofProcess().faults(Faults.parse("eperm=1"));
        try {
            assertThatThrownBy(() -> CpuThread.builder("denied")
                            .sched(Sched.fifo(50))
                            .realtimePolicy(RealtimePolicy.REQUIRE)
                            .start(() -> {}))
                    .isInstanceOf(LinuxException.class)
                    .hasMessageContaining("EPERM");
        } finally {
            SimMachine.ofProcess().faults(Faults.NONE);
        }
    }
}
