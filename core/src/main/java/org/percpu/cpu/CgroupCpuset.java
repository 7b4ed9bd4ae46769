// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.MountTable.Mount;

/**
 * The cpuset of this process's control group, cgroups(7), and the CPUs that control groups isolate.
 *
 * <p>{@code proc/self/cgroup} names the group: the line of the {@code cpuset} controller where version 1 has it, else
 * the {@code 0::} line of version 2. {@code proc/self/mountinfo} says where that hierarchy is mounted, and with which
 * of its folders as root. There may be several such mounts: mounts of other groups, mounts of the host, and mounts that
 * another mount covers. Only a mount that shows the group itself is used. Without such a mount the cpuset is not known.
 * It is also not known for a process outside of its cgroup namespace: the path of its group begins with {@code /..}.
 *
 * <p>A version 2 group without the controller has its nearest ancestor's cpuset.
 */
final class CgroupCpuset {
    /**
     * Files of a group, the effective set first; version 1 has that since Linux 3.17. The option noprefix shortens the
     * names.
     */
    private static final List<String> V1_EFFECTIVE =
            List.of("cpuset.effective_cpus", "effective_cpus", "cpuset.cpus", "cpus");

    private static final List<String> V1_ASKED = List.of("cpuset.cpus", "cpus");
    private static final List<String> V2_EFFECTIVE = List.of("cpuset.cpus.effective");
    private static final List<String> V2_ASKED = List.of("cpuset.cpus");

    /**
     * A group that limits the process.
     *
     * @param file where its set is written, as an absolute path
     * @param cpus what stands there
     */
    record Limit(String file, CpuSet cpus) {}

    /**
     * What was found.
     *
     * @param cpus the effective cpuset, null if it is not known
     * @param isolated the CPUs of isolated partitions, and those that cpusets of version 1 keep from load balancing
     * @param limits the groups from the outermost that can be seen to the process's own
     */
    record Found(@Nullable CpuSet cpus, CpuSet isolated, List<Limit> limits) {
        Found withoutCpus() {
            return new Found(null, isolated, List.of());
        }
    }

    private final SysFolder root;
    private CpuSet isolated = CpuSet.empty();

    CgroupCpuset(SysFolder root) {
        this.root = root;
    }

    Found read() {
        SysFolder self = root.sub("proc").sub("self");
        String mountinfo = self.text("mountinfo");
        if (mountinfo == null) {
            return new Found(null, isolated, List.of());
        }
        String groups = self.text("cgroup");
        String v1 = null;
        String v2 = null;
        for (String line : (groups == null ? "" : groups).split("\n", -1)) {
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
        if (groups == null) {
            v1 = self.text("cpuset"); // the same path, from kernels before there were control groups on
        }
        MountTable mounts = new MountTable(mountinfo);
        List<Mount> unified = mounts.visible(mount -> mount.type().equals("cgroup2"));
        for (Mount mount : unified) {
            addIsolated(mount);
        }
        Found found = null;
        if (v1 != null) {
            List<Mount> cpusets = mounts.visible(CgroupCpuset::isV1);
            for (Mount mount : cpusets) {
                SysFolder folder = mount.root().equals("/") ? folder(mount.point()) : null;
                isolated = isolated.or(folder == null ? CpuSet.empty() : UnbalancedCpus.below(folder));
            }
            found = found(cpusets, v1, false);
        } else if (v2 != null) {
            found = found(unified, v2, true);
        }
        return found != null ? found : new Found(null, isolated, List.of());
    }

    private static boolean isV1(Mount mount) {
        return mount.type().equals("cpuset") || (mount.type().equals("cgroup") && mount.has("cpuset"));
    }

    /** The root group lists the CPUs of all isolated partitions since Linux 6.7. */
    private void addIsolated(Mount mount) {
        SysFolder folder = folder(mount.point());
        CpuSet all = folder == null ? null : folder.cpus("cpuset.cpus.isolated");
        isolated = isolated.or(all == null ? CpuSet.empty() : all);
    }

    private @Nullable Found found(List<Mount> mounts, String group, boolean unified) {
        for (Mount mount : mounts) {
            String path = within(mount.root(), group);
            SysFolder own = path == null ? null : folder(mount.point() + path);
            if (path == null || own == null || !own.exists()) {
                continue;
            }
            CpuSet cpus = effective(mount, path, unified);
            if (cpus != null) {
                if (unified) {
                    isolated = isolated.or(partition(mount, path, cpus));
                }
                return new Found(cpus, isolated, limits(mount, path, unified ? V2_ASKED : V1_ASKED));
            }
        }
        return null;
    }

    /**
     * The group's path as seen from the mounted folder, with a slash at its start or empty; null if it is not below
     * that folder.
     */
    private static @Nullable String within(String mounted, String group) {
        String above = stripSlashes(mounted);
        String path = stripSlashes(group);
        String below;
        if (above.isEmpty()) {
            below = path.isEmpty() ? "" : "/" + path;
        } else if (path.equals(above) || path.startsWith(above + "/")) {
            below = path.substring(above.length());
        } else {
            return null;
        }
        return below.indexOf('\0') >= 0 || Arrays.asList(below.split("/", -1)).contains("..") ? null : below;
    }

    private static @Nullable CpuSet first(SysFolder folder, List<String> files) {
        for (String file : files) {
            CpuSet cpus = folder.cpus(file);
            if (cpus != null && !cpus.isEmpty()) {
                return cpus;
            }
        }
        return null;
    }

    private @Nullable CpuSet effective(Mount mount, String group, boolean unified) {
        for (String path : upwards(group)) {
            SysFolder folder = folder(mount.point() + path);
            CpuSet cpus = folder == null ? null : first(folder, unified ? V2_EFFECTIVE : V1_EFFECTIVE);
            if (cpus != null || !unified) {
                return cpus;
            }
        }
        return null;
    }

    /**
     * The group's CPUs if the group, or the partition that it is a member of, is isolated. Such a partition may have
     * become invalid.
     */
    private CpuSet partition(Mount mount, String group, CpuSet cpus) {
        for (String path : upwards(group)) {
            SysFolder folder = folder(mount.point() + path);
            String state = folder == null ? null : folder.text("cpuset.cpus.partition");
            if (state != null && !state.equals("member")) {
                return state.equals("isolated") ? cpus : CpuSet.empty();
            }
        }
        return CpuSet.empty();
    }

    /** A version 2 group that sets no CPUs has those of its parent, and does not limit. */
    private List<Limit> limits(Mount mount, String group, List<String> files) {
        List<Limit> limits = new ArrayList<>();
        for (String path : upwards(group)) {
            SysFolder folder = folder(mount.point() + path);
            for (String file : files) {
                CpuSet cpus = folder == null ? null : folder.cpus(file);
                if (cpus != null && !cpus.isEmpty()) {
                    String point = mount.point().equals("/") ? "" : mount.point();
                    limits.add(0, new Limit(SysFolder.decoded(point + path + "/" + file), cpus));
                    break;
                }
            }
        }
        return limits;
    }

    /** A group and those above it, up to the folder that is mounted. */
    private static List<String> upwards(String group) {
        List<String> paths = new ArrayList<>();
        String path = group;
        while (!path.isEmpty()) {
            paths.add(path);
            path = path.substring(0, path.lastIndexOf('/'));
        }
        paths.add("");
        return paths;
    }

    private @Nullable SysFolder folder(String absolute) {
        String path = stripSlashes(absolute);
        return path.indexOf('\0') >= 0 ? null : path.isEmpty() ? root : root.ofBytes(path);
    }

    private static String stripSlashes(String path) {
        int start = 0;
        int end = path.length();
        while (start < end && path.charAt(start) == '/') {
            start++;
        }
        while (end > start && path.charAt(end - 1) == '/') {
            end--;
        }
        return path.substring(start, end);
    }
}
