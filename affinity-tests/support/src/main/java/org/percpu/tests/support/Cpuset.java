// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.percpu.cpu.CpuSet;

/** A cpuset of a test's own, in which it runs programs: version 1 of control groups. */
public final class Cpuset {
    private static final Path ROOT = Path.of("/sys/fs/cgroup/cpuset");

    private final Path folder;

    private Cpuset(Path folder) {
        this.folder = folder;
    }

    /** Skips where there is none to be had. */
    public static Cpuset make(String name) {
        Machine.needsLinux("a cpuset of cgroup v1");
        Machine.needsRoot("to make a cpuset");
        Machine.skipUnless(
                Files.isWritable(ROOT) && Files.exists(ROOT.resolve("cpuset.cpus")),
                "no cpuset of version 1 can be made: no writable " + ROOT);
        Path folder = ROOT.resolve("percpu-test-" + ProcessHandle.current().pid() + "-" + name);
        try {
            Files.createDirectory(folder);
            Files.writeString(folder.resolve("cpuset.mems"), Files.readString(ROOT.resolve("cpuset.mems")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Cpuset(folder);
    }

    public static Cpuset at(Path folder) {
        return new Cpuset(folder);
    }

    public Path path() {
        return folder;
    }

    public void cpus(CpuSet cpus) {
        write("cpuset.cpus", cpus.toString());
    }

    private void write(String file, String text) {
        try {
            Files.writeString(folder.resolve(file), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A program that runs in it. */
    public Fork fork(Class<?> program) {
        return Fork.of(program).under("sh", "-c", "echo $$ > " + folder + "/tasks && exec \"$@\"", "sh");
    }

    /** When the last process in it has ended. */
    public void remove() {
        Bounded.until("the cpuset can be removed", () -> {
            try {
                return Files.deleteIfExists(folder);
            } catch (IOException e) {
                return false;
            }
        });
    }
}
