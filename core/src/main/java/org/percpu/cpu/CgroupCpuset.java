// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The cpuset of this process's control group, cgroups(7).
 *
 * <p>{@code proc/self/cgroup} names the group: the line of the {@code cpuset} controller where version 1 has it, else
 * the {@code 0::} line of version 2. {@code proc/self/mountinfo} says where that hierarchy is mounted, and with which
 * of its folders as root, which a container shifts. A version 2 group without the controller has its nearest ancestor's
 * cpuset.
 */
final class CgroupCpuset {
    private static final Pattern OCTAL = Pattern.compile("\\\\([0-7]{3})");

    /** Files of a group, the effective set first; version 1 has that since Linux 3.17. */
    private static final List<String> V1_FILES = List.of("cpuset.effective_cpus", "cpuset.cpus");

    private static final List<String> V2_FILES = List.of("cpuset.cpus.effective");

    private final SysFolder root;

    CgroupCpuset(SysFolder root) {
        this.root = root;
    }

    @Nullable
    CpuSet read() {
        SysFolder self = root.sub("proc").sub("self");
        String groups = self.text("cgroup");
        String mounts = self.text("mountinfo");
        if (groups == null || mounts == null) {
            return null;
        }
        String v1 = null;
        String v2 = null;
        for (String line : groups.split("\n", -1)) {
            String[] fields = line.split(":", 3);
            if (fields.length < 3) {
                continue;
            }
            if (Arrays.asList(fields[1].split(",", -1)).contains("cpuset")) {
                v1 = fields[2];
            } else if (fields[0].equals("0") && fields[1].isEmpty()) {
                v2 = fields[2];
            }
        }
        if (v1 != null) {
            return below(mounts, "cgroup", "cpuset", v1, V1_FILES);
        }
        return v2 == null ? null : below(mounts, "cgroup2", "", v2, V2_FILES);
    }

    private @Nullable CpuSet below(String mounts, String type, String option, String group, List<String> files) {
        for (String line : mounts.split("\n", -1)) {
            // 34 31 0:31 /group /mount/point rw,relatime shared:9 - type source super,options
            int separator = line.indexOf(" - ");
            String[] mount = line.split(" ", -1);
            if (separator < 0 || mount.length < 6) {
                continue;
            }
            String[] filesystem = line.substring(separator + 3).split(" ", -1);
            boolean matches = filesystem.length == 3
                    && filesystem[0].equals(type)
                    && (option.isEmpty()
                            || Arrays.asList(filesystem[2].split(",", -1)).contains(option));
            if (matches) {
                return nearest(unescape(mount[4]), within(unescape(mount[3]), group), files);
            }
        }
        return null;
    }

    /** The group's path as seen from the mounted folder; a group that the mount does not show counts as that folder. */
    private static String within(String mounted, String group) {
        String path = group;
        if (!mounted.equals("/")) {
            path = group.equals(mounted) || group.startsWith(mounted + "/") ? group.substring(mounted.length()) : "";
        }
        return Arrays.asList(path.split("/", -1)).contains("..") ? "" : path;
    }

    private @Nullable CpuSet nearest(String mountPoint, String group, List<String> files) {
        if (mountPoint.indexOf('\0') >= 0 || group.indexOf('\0') >= 0) {
            root.problem("proc/self/mountinfo", "a path holds a zero byte; no cpuset was read");
            return null;
        }
        SysFolder mount = root.sub(stripSlashes(mountPoint));
        for (String path = stripSlashes(group); ; path = parent(path)) {
            SysFolder folder = path.isEmpty() ? mount : mount.sub(path);
            for (String file : files) {
                CpuSet cpus = folder.cpus(file);
                if (cpus != null && !cpus.isEmpty()) {
                    return cpus;
                }
            }
            if (path.isEmpty()) {
                return null;
            }
        }
    }

    private static String parent(String path) {
        return path.substring(0, Math.max(0, path.lastIndexOf('/')));
    }

    private static String stripSlashes(String path) {
        return path.replaceAll("^/+|/+$", "");
    }

    /** Blanks and backslashes of a path stand as octal numbers, proc_pid_mountinfo(5). */
    private static String unescape(String field) {
        return OCTAL.matcher(field)
                .replaceAll(match ->
                        Matcher.quoteReplacement(Character.toString((char) Integer.parseInt(match.group(1), 8))));
    }
}
