// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.linux;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * How many more threads this process can have, by the limits that can be read: {@code pids.max} of its control groups,
 * RLIMIT_NPROC, and {@code threads-max}, {@code pid_max} and {@code max_map_count} under {@code /proc/sys}. A process
 * that runs into one of them is in trouble: the JVM cannot start its own threads any more, nor can others. So many
 * threads at once are refused while there is still some room.
 *
 * <p>The counts are what is known to be in use, which may be less than what is in use: RLIMIT_NPROC counts threads of
 * the user's other processes too, and a JVM has maps that are no stacks. A limit that cannot be read is none.
 */
public final class ThreadRoom {
    /** At most so many threads are left for the JVM and for others, and at most this part of the limit. */
    private static final int RESERVE = 64;

    private static final int RESERVED_PART = 16;

    /** A Java thread has a stack and, below it, pages that nobody may touch. */
    private static final int MAPS_PER_THREAD = 2;

    private static final int MOST_BYTES = 1 << 16;

    /**
     * One limit.
     *
     * @param name what it is, for messages
     * @param most how many threads it allows
     * @param used how many of them are known to exist
     */
    record Limit(String name, long most, long used) {
        long left() {
            return most - used - Math.min(RESERVE, most / RESERVED_PART);
        }
    }

    private final Path root;
    private final LinuxCalls linux;
    private final List<Limit> limits = new ArrayList<>();

    private ThreadRoom(Path root, LinuxCalls linux) {
        this.root = root;
        this.linux = linux;
    }

    /**
     * Looks whether there is room for some threads.
     *
     * @param threads how many are about to be made
     * @return null if there is, or why there is not, as the end of a sentence
     */
    public static @Nullable String whyNot(int threads) {
        Limit least = null;
        for (Limit limit : new ThreadRoom(Backend.root(), Backend.linux()).read()) {
            if (least == null || limit.left() < least.left()) {
                least = limit;
            }
        }
        return least == null || least.left() >= threads
                ? null
                : least.name + " allows " + least.most + " and " + least.used + " exist";
    }

    private List<Limit> read() {
        long own = ownThreads();
        long all = Math.max(own, threadsOfAll());
        add("/proc/sys/kernel/threads-max", 1, all);
        add("/proc/sys/kernel/pid_max", 1, all);
        add("/proc/sys/vm/max_map_count", MAPS_PER_THREAD, own);
        long[] nproc = new long[2];
        // Linux holds root to no RLIMIT_NPROC.
        if (linux.geteuid() != 0 && linux.getrlimit(LinuxCalls.RLIMIT_NPROC, nproc) == 0 && nproc[0] >= 0) {
            limits.add(new Limit("RLIMIT_NPROC (ulimit -u)", nproc[0], own));
        }
        String groups = text("/proc/self/cgroup");
        for (String line : groups == null ? new String[0] : groups.split("\n", -1)) {
            String[] fields = line.split(":", 3);
            if (fields.length == 3 && fields[0].equals("0") && fields[1].isEmpty()) {
                addGroups("/sys/fs/cgroup", fields[2]);
                addGroups("/sys/fs/cgroup/unified", fields[2]);
            } else if (fields.length == 3 && fields[1].equals("pids")) {
                addGroups("/sys/fs/cgroup/pids", fields[2]);
            }
        }
        return limits;
    }

    private void add(String file, int part, long used) {
        long number = number(text(file));
        if (number >= 0) {
            limits.add(new Limit(part == 1 ? file : file + " / " + part, number / part, used));
        }
    }

    /** A group and those above it. In a container the path may be the host's, and only the mounted folder is there. */
    private void addGroups(String mount, String group) {
        String path = group;
        while (true) {
            String file = mount + path + (path.endsWith("/") ? "" : "/");
            long most = number(text(file + "pids.max"));
            if (most >= 0) {
                limits.add(new Limit(file + "pids.max", most, Math.max(0, number(text(file + "pids.current")))));
            }
            int slash = path.lastIndexOf('/');
            if (slash < 0 || path.equals("/")) {
                return;
            }
            path = slash == 0 ? "/" : path.substring(0, slash);
        }
    }

    /** Threads of all processes: the number behind the slash in the fourth field of /proc/loadavg. */
    private long threadsOfAll() {
        String loadavg = text("/proc/loadavg");
        int slash = loadavg == null ? -1 : loadavg.indexOf('/');
        int end = slash < 0 || loadavg == null ? -1 : loadavg.indexOf(' ', slash);
        return end < 0 || loadavg == null ? 0 : Math.max(0, number(loadavg.substring(slash + 1, end)));
    }

    private long ownThreads() {
        try {
            return linux.tasks().all().length;
        } catch (IOException e) {
            return 0;
        }
    }

    private @Nullable String text(String file) {
        // Many bytes in one read: the second read of a file of /proc/sys finds its end, and a read that asks the file
        // for its size, which is 0, begins with one byte.
        try (InputStream in = Files.newInputStream(root.resolve(file.substring(1)))) {
            return new String(in.readNBytes(MOST_BYTES), StandardCharsets.ISO_8859_1);
        } catch (IOException | RuntimeException e) {
            return null;
        }
    }

    /** -1 if it is none, such as "max". */
    private static long number(@Nullable String text) {
        try {
            return text == null ? -1 : Long.parseLong(text.strip());
        } catch (NumberFormatException e) {
            return -1;
        }
    }
}
