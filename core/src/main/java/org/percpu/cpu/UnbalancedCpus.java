// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

/**
 * CPUs that the cpusets of version 1 keep from load balancing, as cpuset(7) says: the root cpuset has
 * {@code sched_load_balance} 0, and no cpuset with {@code sched_load_balance} 1 has the CPU. Cpusets below a cpuset
 * that balances make no difference. Linux looks at all cpusets, so a mount that does not show the real root says
 * nothing. Only the real root has a {@code release_agent}.
 */
final class UnbalancedCpus {
    private final String prefix;
    private CpuSet balanced = CpuSet.empty();

    private UnbalancedCpus(String prefix) {
        this.prefix = prefix;
    }

    /** The unbalanced CPUs of a hierarchy. Nearly always only one file is read, and it says 1. */
    static CpuSet below(SysFolder root) {
        for (String prefix : new String[] {"cpuset.", ""}) {
            String flag = root.text(prefix + "sched_load_balance");
            if (flag != null) {
                return flag.equals("0") && root.text("release_agent") != null
                        ? new UnbalancedCpus(prefix).of(root)
                        : CpuSet.empty();
            }
        }
        return CpuSet.empty();
    }

    private CpuSet of(SysFolder root) {
        lookBelow(root);
        return cpus(root).minus(balanced);
    }

    private void lookBelow(SysFolder folder) {
        for (SysFolder group : folder.folders()) {
            String flag = group.text(prefix + "sched_load_balance");
            if ("1".equals(flag)) {
                balanced = balanced.or(cpus(group));
            } else if (flag != null) {
                lookBelow(group);
            }
        }
    }

    private CpuSet cpus(SysFolder group) {
        CpuSet cpus = group.cpus(prefix + "effective_cpus");
        if (cpus == null) {
            cpus = group.cpus(prefix + "cpus");
        }
        return cpus == null ? CpuSet.empty() : cpus;
    }
}
