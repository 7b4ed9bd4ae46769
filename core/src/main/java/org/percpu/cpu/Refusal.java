// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.percpu.cpu.Problems.plural;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Why CPUs cannot be named, and what to do. A remedy names the whole set to write: the CPUs that are there and the CPUs
 * that are wanted. So following one remedy does not undo another.
 */
final class Refusal {
    private static final Pattern PLAIN_PATH = Pattern.compile("[A-Za-z0-9_./:@%+,-]*");

    private final CpuTopology topology;
    private final List<CgroupCpuset.Limit> limits;
    private final List<String> lines = new ArrayList<>();

    Refusal(CpuTopology topology, List<CgroupCpuset.Limit> limits) {
        this.topology = topology;
        this.limits = limits;
    }

    String of(CpuSet requested) {
        CpuSet refused = requested.minus(topology.usable());
        explain(refused.minus(topology.present()), "not present: the machine has " + topology.present());
        CpuSet offline = refused.and(topology.offline());
        explain(
                offline,
                offline.size() == 1
                        ? "offline: online with: echo 1 > /sys/devices/system/cpu/cpu" + offline + "/online"
                        : "offline: online with: chcpu -e " + offline);
        CpuSet outside = refused.and(topology.online());
        CpuSet whole = topology.usable().or(requested.and(topology.online()));
        @Nullable CpuSet cpuset = topology.cpuset().orElse(null);
        explain(
                outside,
                "outside the usable set " + topology.usable()
                        + (cpuset == null
                                ? ", for a reason that the files do not tell; it is most often the cpuset: "
                                : ", because the cpuset of this process has " + cpuset + ": ")
                        + widen(whole));
        return String.join("; ", lines);
    }

    private void explain(CpuSet cpus, String reason) {
        if (!cpus.isEmpty()) {
            lines.add(plural(cpus) + (cpus.size() > 1 ? " are " : " is ") + reason);
        }
    }

    /** A group has no more CPUs than the groups above it, so the outermost group is widened first. */
    private String widen(CpuSet whole) {
        List<String> commands = new ArrayList<>();
        for (CgroupCpuset.Limit limit : limits) {
            if (!limit.cpus().containsAll(whole)) {
                commands.add("echo " + limit.cpus().or(whole) + " > " + quoted(limit.file()));
            }
        }
        String manager =
                "AllowedCPUs=" + whole + " in its systemd unit or --cpuset-cpus " + whole + " for its container";
        return commands.isEmpty()
                ? "widen it by " + manager
                : "widen it with: " + String.join(" && ", commands) + " (or by " + manager + ")";
    }

    private static String quoted(String path) {
        return PLAIN_PATH.matcher(path).matches() ? path : "'" + path.replace("'", "'\\''") + "'";
    }
}
