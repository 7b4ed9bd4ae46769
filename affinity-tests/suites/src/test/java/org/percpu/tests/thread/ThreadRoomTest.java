// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;

/** The limits of the real machine, as a process in them reads them. */
@Tag("once")
class ThreadRoomTest {
    @Test
    @DisplayName("pids.max of a control group, of version 1 or 2, is found and named; up to it there is room")
    void pidsOfTheGroup() throws IOException, InterruptedException {
        Machine.needsLinux("control groups");
        Machine.needsRoot("to make a control group");
        Path top =
                Path.of(Files.isDirectory(Path.of("/sys/fs/cgroup/pids")) ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup");
        Path group = top.resolve("percpu-room-" + ProcessHandle.current().pid());
        Machine.skipUnless(
                Files.isWritable(top) && Files.isDirectory(Files.createDirectory(group)), top + " is not writable");
        try {
            Path most = group.resolve("pids.max");
            Machine.skipUnless(Files.exists(most), "the pids controller is not in " + top);
            Files.writeString(most, "300");
            String enter = "echo $$ > " + group + "/cgroup.procs && exec \"$@\"";
            String said = Fork.of(ThreadRoomProbe.class)
                    .under("sh", "-c", enter, "sh")
                    .run();
            assertThat(said).contains("200: null", most + " allows 300 and ");
        } finally {
            // The kernel lets a group go a moment after its last process.
            for (int i = 0; i < 100 && Files.exists(group); i++) {
                try {
                    Files.delete(group);
                } catch (IOException e) {
                    Thread.sleep(10);
                }
            }
        }
    }

    @Test
    @DisplayName("RLIMIT_NPROC is found and named for a user who is held to it")
    void processesOfTheUser() {
        Machine.needsLinux("RLIMIT_NPROC");
        Machine.needsRoot("to become another user");
        String said = Fork.of(ThreadRoomProbe.class)
                .under("prlimit", "--nproc=300")
                .unprivileged()
                .run();
        assertThat(said).contains("200: null", "RLIMIT_NPROC (ulimit -u) allows 300 and ");
    }
}
