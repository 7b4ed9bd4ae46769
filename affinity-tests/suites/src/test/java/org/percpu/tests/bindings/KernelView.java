// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What {@code /proc} says about a thread of this process. */
final class KernelView {
    private static final Path TASKS = Path.of("/proc/self/task");

    private KernelView() {}

    static boolean exists(int tid) {
        return Files.isDirectory(TASKS.resolve(Integer.toString(tid)));
    }

    static String comm(int tid) throws IOException {
        return read(tid, "comm").strip();
    }

    /** A line of {@code status}, such as {@code Cpus_allowed_list}. */
    static String status(int tid, String key) throws IOException {
        return read(tid, "status")
                .lines()
                .filter(line -> line.startsWith(key + ":"))
                .map(line -> line.substring(key.length() + 1).strip())
                .findFirst()
                .orElseThrow(() -> new IOException("no " + key + " in /proc/self/task/" + tid + "/status"));
    }

    static long signalsBlocked(int tid) throws IOException {
        return Long.parseUnsignedLong(status(tid, "SigBlk"), 16);
    }

    static int nice(int tid) throws IOException {
        return Integer.parseInt(stat(tid).get(19 - 3));
    }

    static int realTimePriority(int tid) throws IOException {
        return Integer.parseInt(stat(tid).get(40 - 3));
    }

    static int policy(int tid) throws IOException {
        return Integer.parseInt(stat(tid).get(41 - 3));
    }

    /** The system call that the thread sleeps in with its arguments, or {@code running}. */
    static String systemCall(int tid) throws IOException {
        return read(tid, "syscall").strip();
    }

    /** The fields of proc_pid_stat(5) from the third on; the second may hold spaces and parentheses. */
    private static List<String> stat(int tid) throws IOException {
        String line = read(tid, "stat");
        return List.of(line.substring(line.lastIndexOf(')') + 2).strip().split(" ", -1));
    }

    private static String read(int tid, String file) throws IOException {
        return Files.readString(TASKS.resolve(Integer.toString(tid)).resolve(file));
    }
}
