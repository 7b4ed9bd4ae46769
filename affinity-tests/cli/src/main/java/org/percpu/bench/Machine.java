// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.io.IOException;
import java.io.InputStream;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.cpu.CpuTopology;

/** What a reader of a result must know of the machine. */
final class Machine {
    private static final int POLICY_AFTER_NAME = 38;
    private static final int NICE_AFTER_NAME = 16;
    private static final List<String> POLICIES = List.of("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH");
    private static final int MAX_FILE = 1 << 20;

    private Machine() {}

    static List<String> lines(String places) {
        CpuTopology topology = CpuTopology.system();
        List<String> lines = new ArrayList<>();
        lines.add("cpu        " + model() + ", allowed " + topology.allowed() + " of " + topology.online() + " online");
        lines.add("isolated   " + (topology.isolated().isEmpty() ? "none" : topology.isolated()));
        lines.add("cpuset     " + topology.cpuset().map(Object::toString).orElse("none that can be read"));
        lines.add("governor   " + governor(topology));
        lines.add("places     " + places);
        lines.add("policy     " + policy());
        lines.add("kernel     Linux " + System.getProperty("os.version") + ", load " + load());
        lines.add("java       " + Runtime.version() + ", " + System.getProperty("java.vm.name") + ", " + collectors()
                + ", backend " + Backend.linux().backend());
        return lines;
    }

    private static String model() {
        String info = read("proc/cpuinfo");
        if (info != null) {
            for (String line : info.split("\n", -1)) {
                if (line.startsWith("model name")) {
                    return line.substring(line.indexOf(':') + 1).strip();
                }
            }
        }
        return "of unknown model (" + System.getProperty("os.arch") + ")";
    }

    private static String governor(CpuTopology topology) {
        String governor = read("sys/devices/system/cpu/cpu" + topology.allowed().first() + "/cpufreq/scaling_governor");
        return governor == null ? "not visible, as in most virtual machines" : governor.strip();
    }

    private static String policy() {
        String stat = read("proc/thread-self/stat");
        if (stat == null) {
            return "unknown";
        }
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).strip().split(" ", -1);
        int policy = Integer.parseInt(fields[POLICY_AFTER_NAME]);
        return (policy < POLICIES.size() ? POLICIES.get(policy) : "policy " + policy) + ", nice "
                + fields[NICE_AFTER_NAME];
    }

    private static String load() {
        String load = read("proc/loadavg");
        return load == null ? "unknown" : load.split(" ", -1)[0];
    }

    private static String collectors() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream()
                .map(GarbageCollectorMXBean::getName)
                .collect(Collectors.joining(" + "));
    }

    private static @Nullable String read(String file) {
        try (InputStream in = Files.newInputStream(Backend.root().resolve(file))) {
            return new String(in.readNBytes(MAX_FILE), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return null;
        }
    }
}
