// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.percpu.bindings.spi.Tasks;
import org.percpu.cpu.CpuSet;
import org.percpu.thread.Sched;

/** The kernel's word on the threads of this process: files of {@code /proc/self/task}, or of the simulated machine. */
public final class Proc {
    private Proc() {}

    private static Tasks tasks() {
        return Machine.linux().tasks();
    }

    private static String utf8(String bytes) {
        return new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
    }

    public static boolean exists(int tid) {
        return tasks().exists(tid);
    }

    public static List<Integer> tids() {
        try {
            return Arrays.stream(tasks().all()).boxed().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** How many threads carry a name; those that end meanwhile do not count. */
    public static long named(String comm) {
        return tids().stream().filter(tid -> commOrEmpty(tid).equals(comm)).count();
    }

    /** How many threads have a name that begins so. */
    public static long namedLike(String start) {
        return tids().stream().filter(tid -> commOrEmpty(tid).startsWith(start)).count();
    }

    /** False too for a thread that has ended. */
    public static boolean isNamed(int tid, String comm) {
        return commOrEmpty(tid).equals(comm);
    }

    private static String commOrEmpty(int tid) {
        try {
            return utf8(tasks().read(tid, "comm")).stripTrailing();
        } catch (IOException e) {
            return "";
        }
    }

    public static String comm(int tid) {
        String text = read(tid, "comm");
        return text.substring(0, text.length() - 1);
    }

    public static byte[] commBytes(int tid) {
        try {
            return tasks().read(tid, "comm").getBytes(StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static CpuSet allowed(int tid) {
        return CpuSet.parseKernel(status(tid, "Cpus_allowed_list"));
    }

    public static long signalsBlocked(int tid) {
        return Long.parseUnsignedLong(status(tid, "SigBlk"), 16);
    }

    /** Signals of the process that have a handler. */
    public static long signalsCaught() {
        return Long.parseUnsignedLong(status(Machine.linux().gettid(), "SigCgt"), 16);
    }

    /** Signals of the process that are ignored. */
    public static long signalsIgnored() {
        return Long.parseUnsignedLong(status(Machine.linux().gettid(), "SigIgn"), 16);
    }

    /** State letter of proc_pid_stat(5): S sleeping, R running. */
    public static char state(int tid) {
        return field(tid, 3).charAt(0);
    }

    public static int nice(int tid) {
        return Integer.parseInt(field(tid, 19));
    }

    public static int lastCpu(int tid) {
        return Integer.parseInt(field(tid, 39));
    }

    /** Policy, real-time priority and nice value; of a real-time thread the nice value does not count and is 0 here. */
    public static Sched sched(int tid) {
        int priority = Integer.parseInt(field(tid, 40));
        return new Sched(Integer.parseInt(field(tid, 41)), priority, priority == 0 ? nice(tid) : 0);
    }

    public static String status(int tid, String key) {
        return read(tid, "status")
                .lines()
                .filter(line -> line.startsWith(key + ":"))
                .map(line -> line.substring(key.length() + 1).strip())
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + key + " in /proc/self/task/" + tid + "/status"));
    }

    /** Counted from behind the name, which may hold anything. */
    private static String field(int tid, int number) {
        String stat = read(tid, "stat");
        return List.of(stat.substring(stat.lastIndexOf(')') + 2).strip().split(" "))
                .get(number - 3);
    }

    private static String read(int tid, String file) {
        try {
            return utf8(tasks().read(tid, file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
