// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.percpu.cpu.MachineFiles.CPU;

import java.util.List;
import java.util.Locale;

/** The machines that the topology is tested with. */
enum Machines {
    /** A virtual machine with two cores, captured: Linux 6.18, control groups version 1. */
    CAPTURED_EPYC_VM("0-1") {
        @Override
        MachineFiles files() {
            return MachineFiles.captured("epyc-vm-2cpu.txt");
        }
    },
    /** Two packages, 384 cores each, the second threads numbered after all the first ones, eight NUMA nodes. */
    HUGE_1536("0-1535") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-2047", "0-1535", "0-1535");
            for (int core = 0; core < 768; core++) {
                files.core(core / 384, core % 384, core, core + 768);
            }
            for (int node = 0; node < 8; node++) {
                int first = node * 96;
                files.node(node, first + "-" + (first + 95) + "," + (first + 768) + "-" + (first + 863));
            }
            return files;
        }
    },
    /** Numbers with gaps, of which the process may use some. */
    GAPS("2,9,200") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-255", "0-3,8-11,64,200", "0-3,8-11,64,200");
            int core = 0;
            for (int cpu : CpuSet.parse("0-3,8-11,64,200")) {
                files.core(cpu / 100, core++ * 4, cpu);
            }
            return files.node(0, "0-3,8-11,64").node(4, "200");
        }
    },
    /** Eight CPUs of which three are offline; those have a folder, but no topology in it. */
    OFFLINE("0-2,6") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-15", "0-7", "0-3,6");
            for (int cpu : CpuSet.parse("4,5,7")) {
                files.put(CPU + "cpu" + cpu + "/online", "0");
            }
            // The sibling of 6 is 7.
            return files.core(0, 0, 0, 1).core(0, 1, 2, 3).core(0, 3, 6).node(0, "0-3,6");
        }
    },
    /** Six P-cores of two threads and eight E-cores of one, x86. */
    HYBRID_6P_8E("0-19") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-19", "0-19", "0-19");
            for (int core = 0; core < 6; core++) {
                files.core(0, core * 4, core * 2, core * 2 + 1);
                files.put(CPU + "cpu" + core * 2 + "/cpufreq/cpuinfo_max_freq", "4800000");
            }
            for (int core = 0; core < 8; core++) {
                files.core(0, 24 + core, 12 + core);
                files.put(CPU + "cpu" + (12 + core) + "/cpufreq/cpuinfo_max_freq", "3500000");
            }
            for (int cpu = 0; cpu < 20; cpu++) {
                String cluster = cpu < 12 ? cpu / 2 * 2 + "-" + (cpu / 2 * 2 + 1) : cpu < 16 ? "12-15" : "16-19";
                files.cache(cpu, 0, 1, "Data", cpu < 12 ? "48K" : "32K", cpu < 12 ? cluster : "" + cpu);
                files.cache(cpu, 1, 2, "Unified", cpu < 12 ? "1280K" : "2048K", cluster);
                files.cache(cpu, 2, 3, "Unified", "24M", "0-19");
            }
            return files.put("sys/devices/cpu_core/cpus", "0-11")
                    .put("sys/devices/cpu_atom/cpus", "12-19")
                    .node(0, "0-19");
        }
    },
    /** Four little, three big and one stronger core, aarch64: told apart by capacity. */
    BIG_LITTLE("0-7") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-7", "0-7", "0-7");
            int[] capacities = {250, 250, 250, 250, 905, 905, 905, 1024};
            for (int cpu = 0; cpu < 8; cpu++) {
                files.core(0, cpu % 4, cpu).put(CPU + "cpu" + cpu + "/cpu_capacity", "" + capacities[cpu]);
            }
            return files;
        }
    },
    /** Two packages of four cores of four threads; core numbers repeat in the second package. No NUMA in the kernel. */
    SMT4("0-31") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-31", "0-31", "0-31");
            for (int core = 0; core < 8; core++) {
                int cpu = core / 4 * 16 + core % 4;
                files.core(core / 4, core % 4, cpu, cpu + 4, cpu + 8, cpu + 12);
            }
            return files;
        }
    },
    /** Two packages of two NUMA nodes each, two threads to a core, and a fifth node that is memory only. */
    NUMA4("0-15") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-15", "0-15", "0-15");
            for (int core = 0; core < 8; core++) {
                files.core(core / 4, core % 4, core, core + 8);
            }
            return files.node(0, "0-1,8-9")
                    .node(1, "2-3,10-11")
                    .node(2, "4-5,12-13")
                    .node(3, "6-7,14-15")
                    .node(4, "");
        }
    },
    /** A process in a container with control groups version 1: the mount shows the container's group as its root. */
    CGROUP_V1_CONTAINER("2-3") {
        @Override
        MachineFiles files() {
            String groups = """
                    5:cpuacct,cpu:/docker/77
                    3:freezer,cpuset:/docker/77
                    1:name=systemd:/x
                    0::/x
                    """;
            String mounts = """
                    21 20 0:19 / /proc rw - proc proc rw
                    31 20 0:27 /docker/77 /sys/fs/cgroup/cpu\\040acct ro - cgroup cgroup rw,cpuacct,cpu
                    34 20 0:31 /docker/77 /sys/fs/cgroup/cpu\\040set ro master:9 - cgroup cgroup rw,freezer,cpuset
                    """;
            return quad().put("proc/self/cgroup", groups)
                    .put("proc/self/mountinfo", mounts)
                    .put("sys/fs/cgroup/cpu set/cpuset.cpus", "0-3")
                    .put("sys/fs/cgroup/cpu set/cpuset.effective_cpus", "2-3");
        }
    },
    /** A service with control groups version 2 whose own group lacks the controller: its parent's set counts. */
    CGROUP_V2_NESTED("1-2") {
        @Override
        MachineFiles files() {
            return quad().put("proc/self/cgroup", "0::/batch.slice/job:1/worker")
                    .put(
                            "proc/self/mountinfo",
                            "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate")
                    .put("sys/fs/cgroup/cpuset.cpus.effective", "0-3")
                    .put("sys/fs/cgroup/batch.slice/job:1/cpuset.cpus.effective", "1-2")
                    .put("sys/fs/cgroup/batch.slice/job:1/worker/", "");
        }
    },
    /** CPUs 2 and 3 kept from load balancing. */
    ISOLATED("0-3") {
        @Override
        MachineFiles files() {
            return quad().put(CPU + "isolated", "2-3");
        }
    },
    /** As {@link #ISOLATED}, with a starting mask that {@code isolcpus=} has taken them out of. */
    ISOLATED_BY_COMMAND_LINE("0-1") {
        @Override
        MachineFiles files() {
            return quad().put(CPU + "isolated", "2-3")
                    .put(CPU + "nohz_full", "3")
                    .put("proc/self/cgroup", "0::/")
                    .put("proc/self/mountinfo", UNIFIED)
                    .put("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-1")
                    .put("sys/fs/cgroup/cpuset.cpus.effective", "0-3");
        }
    },
    /** An isolated partition that another group made, by the root's list of Linux 6.7, beside {@code isolcpus=2,3}. */
    ISOLATED_PARTITION("0") {
        @Override
        MachineFiles files() {
            return quad().put(CPU + "isolated", "2-3")
                    .put("proc/self/cgroup", "0::/")
                    .put("proc/self/mountinfo", UNIFIED)
                    .put("sys/fs/cgroup/cpuset.cpus.effective", "0,2-3")
                    .put("sys/fs/cgroup/cpuset.cpus.isolated", "1");
        }
    },
    /** The process is in a group of an isolated partition, on a kernel before 6.7. */
    ISOLATED_OWN_PARTITION("1-2") {
        @Override
        MachineFiles files() {
            return quad().put("proc/self/cgroup", "0::/fast/worker")
                    .put("proc/self/mountinfo", UNIFIED)
                    .put("sys/fs/cgroup/cpuset.cpus.effective", "0,3")
                    .put("sys/fs/cgroup/fast/cpuset.cpus.effective", "1-2")
                    .put("sys/fs/cgroup/fast/cpuset.cpus.partition", "isolated")
                    .put("sys/fs/cgroup/fast/worker/cpuset.cpus.effective", "1-2")
                    .put("sys/fs/cgroup/fast/worker/cpuset.cpus.partition", "member");
        }
    },
    /** Version 1: neither the root balances the load of all CPUs nor {@code rt} that of its own; two other groups do that of theirs. */
    ISOLATED_WITHOUT_LOAD_BALANCE("0-1") {
        @Override
        MachineFiles files() {
            String root = "sys/fs/cgroup/cpuset/";
            return quad().put("proc/self/cgroup", "3:cpuset:/system")
                    .put("proc/self/mountinfo", "35 20 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset")
                    .put(root + "release_agent", "")
                    .put(root + "cpuset.effective_cpus", "0-3")
                    .put(root + "cpuset.sched_load_balance", "0")
                    .put(root + "rt/cpuset.effective_cpus", "2-3")
                    .put(root + "rt/cpuset.sched_load_balance", "0")
                    .put(root + "rt/shared/cpuset.effective_cpus", "2")
                    .put(root + "rt/shared/cpuset.sched_load_balance", "1")
                    .put(root + "system/cpuset.effective_cpus", "0-1")
                    .put(root + "system/cpuset.sched_load_balance", "1")
                    .put(root + "system/x/cpuset.effective_cpus", "0")
                    .put(root + "system/x/cpuset.sched_load_balance", "0");
        }
    },
    /** A cgroup namespace whose only mount is the host's: it shows the parent of the namespace's root. */
    CGROUP_V2_HOST_BIND_MOUNT("1-2") {
        @Override
        MachineFiles files() {
            return quad().put("proc/self/cgroup", "0::/")
                    .put("proc/self/mountinfo", "25 20 0:22 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate")
                    .put("sys/fs/cgroup/cpuset.cpus.effective", "0-3");
        }
    },
    /** A process that joined the namespaces of a container, but not its group. */
    CGROUP_V2_ENTERED("0-3") {
        @Override
        MachineFiles files() {
            return quad().put("proc/self/cgroup", "0::/../user.slice")
                    .put("proc/self/mountinfo", UNIFIED)
                    .put("sys/fs/cgroup/cpuset.cpus.effective", "1-2");
        }
    },
    /** The same, where the host's mount can be seen behind the container's. */
    CGROUP_V2_ENTERED_WITH_HOST("0-2") {
        @Override
        MachineFiles files() {
            return quad().put("proc/self/cgroup", "0::/../user.slice")
                    .put(
                            "proc/self/mountinfo",
                            UNIFIED + "\n26 20 0:22 /.. /host/cgroup rw - cgroup2 cgroup2 rw,nsdelegate")
                    .put("sys/fs/cgroup/cpuset.cpus.effective", "1-2")
                    .put("host/cgroup/cpuset.cpus.effective", "0-3")
                    .put("host/cgroup/user.slice/cpuset.cpus.effective", "0-2");
        }
    },
    /** Two mounts of the hierarchy, of which the first is that of another group. */
    CGROUP_V1_FOREIGN_FIRST("1-2") {
        @Override
        MachineFiles files() {
            String mounts = """
                    34 20 0:31 /other /mnt/other rw - cgroup cgroup rw,cpuset
                    35 20 0:31 /mine /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
                    """;
            return quad().put("proc/self/cgroup", "3:cpuset:/mine/a")
                    .put("proc/self/mountinfo", mounts)
                    .put("mnt/other/cpuset.effective_cpus", "0-3")
                    .put("sys/fs/cgroup/cpuset/cpuset.effective_cpus", "0-3")
                    .put("sys/fs/cgroup/cpuset/a/cpuset.effective_cpus", "1-2");
        }
    },
    /** Two mounts in a cgroup namespace, of which the first is the host's. */
    CGROUP_V2_HOST_FIRST("1-2") {
        @Override
        MachineFiles files() {
            String mounts = """
                    34 20 0:22 /../.. /host/cgroup rw - cgroup2 cgroup2 rw
                    35 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                    """;
            return quad().put("proc/self/cgroup", "0::/")
                    .put("proc/self/mountinfo", mounts)
                    .put("host/cgroup/cpuset.cpus.effective", "0-3")
                    .put("sys/fs/cgroup/cpuset.cpus.effective", "1-2");
        }
    },
    /** The first mount shows the own group, but lies under a later one: what can be read there is another group's. */
    CGROUP_V1_HIDDEN_FIRST("1-2") {
        @Override
        MachineFiles files() {
            String mounts = """
                    31 20 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
                    34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
                    35 34 0:31 /other /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
                    36 20 0:31 / /mnt/cpuset rw - cgroup cgroup rw,cpuset
                    """;
            return quad().put("proc/self/cgroup", "3:cpuset:/mine")
                    .put("proc/self/mountinfo", mounts)
                    .put("sys/fs/cgroup/cpuset/mine/cpuset.effective_cpus", "0-3")
                    .put("mnt/cpuset/mine/cpuset.effective_cpus", "1-2");
        }
    },
    /** A cpuset hierarchy of version 1 whose files have no prefix, and no effective set, as on old kernels. */
    CGROUP_V1_NO_PREFIX("1-2") {
        @Override
        MachineFiles files() {
            return quad().put("proc/self/cgroup", "2:cpuset:/mine")
                    .put("proc/self/mountinfo", "34 20 0:31 / /dev/cpuset rw - cgroup none rw,cpuset,noprefix")
                    .put("dev/cpuset/cpus", "0-3")
                    .put("dev/cpuset/mine/cpus", "1-2");
        }
    },
    /** The file system type that is older than control groups, with the effective set. */
    CGROUP_V1_CPUSET_FILE_SYSTEM("1-2") {
        @Override
        MachineFiles files() {
            return quad().put("proc/self/cpuset", "/mine")
                    .put("proc/self/mountinfo", "34 20 0:31 / /dev/cpuset rw - cpuset cpuset rw,noprefix")
                    .put("dev/cpuset/mine/cpus", "0-2")
                    .put("dev/cpuset/mine/effective_cpus", "1-2");
        }
    },
    /** Two threads to a core, two nodes; each list ends in a line feed and a zero byte. */
    LISTS_WITH_NUL("0-7") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-7", "0-7", "0-7");
            for (int core = 0; core < 4; core++) {
                files.core(0, core, core, core + 4)
                        .cache(core, 0, 1, "Data", "32K", core + "," + (core + 4))
                        .cache(core + 4, 0, 1, "Data", "32K", core + "," + (core + 4));
            }
            files.node(0, "0-1,4-5").node(1, "2-3,6-7");
            for (String path : files.paths()) {
                if (!path.endsWith("/")) {
                    files.put(path, files.get(path) + "\n\0 rest");
                }
            }
            return files;
        }
    },
    /** Two cores of two threads; the newer list of siblings is empty, the older one is right. */
    EMPTY_CORE_CPUS_LIST("0-3") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles()
                    .cpus("0-3", "0-3", "0-3")
                    .core(0, 0, 0, 1)
                    .core(0, 1, 2, 3);
            for (int cpu = 0; cpu < 4; cpu++) {
                String topology = CPU + "cpu" + cpu + "/topology/";
                files.put(topology + "thread_siblings_list", files.get(topology + "core_cpus_list"))
                        .put(topology + "core_cpus_list", "");
            }
            return files;
        }
    },
    /** More than 32 CPUs, and masks where newer kernels have lists. */
    MASKS("0-39") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-39", "0-39", "0-39");
            for (int core = 0; core < 20; core++) {
                files.core(0, core, core, core + 20);
                for (int cpu : new int[] {core, core + 20}) {
                    String mask = mask((1L << core) | (1L << (core + 20)));
                    files.remove(CPU + "cpu" + cpu + "/topology/core_cpus_list")
                            .put(CPU + "cpu" + cpu + "/topology/thread_siblings", mask)
                            .cache(cpu, 0, 1, "Data", "32K", "")
                            .remove(CPU + "cpu" + cpu + "/cache/index0/shared_cpu_list")
                            .put(CPU + "cpu" + cpu + "/cache/index0/shared_cpu_map", mask);
                }
            }
            return files.put(MachineFiles.NODE + "node0/cpumap", mask(0xFFFFF))
                    .put(MachineFiles.NODE + "node1/cpumap", mask(0xFFFFF00000L));
        }

        private String mask(long cpus) {
            return String.format(Locale.ROOT, "%08x,%08x", cpus >>> 32, cpus & 0xFFFFFFFFL);
        }
    },
    /** Zen 5 cores beside Zen 5c: no device of Intel's tells them apart, clock and performance do. */
    AMD_DENSE_CORES("0-23") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-23", "0-23", "0-23");
            for (int cpu = 0; cpu < 24; cpu++) {
                files.core(0, cpu, cpu)
                        .put(CPU + "cpu" + cpu + "/cpufreq/cpuinfo_max_freq", cpu < 8 ? "5157895" : "3308271")
                        .put(CPU + "cpu" + cpu + "/acpi_cppc/highest_perf", "" + (cpu < 8 ? 196 - cpu % 3 : 129));
            }
            return files;
        }
    },
    /** Like cores that the firmware ranks: each is a little faster than the next. */
    AMD_RANKED_CORES("0-15") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-15", "0-15", "0-15");
            for (int cpu = 0; cpu < 16; cpu++) {
                files.core(0, cpu, cpu)
                        .put(CPU + "cpu" + cpu + "/cpufreq/cpuinfo_max_freq", "" + (5_083_398 - cpu * 90_000))
                        .put(CPU + "cpu" + cpu + "/acpi_cppc/highest_perf", "" + (231 - cpu * 5));
            }
            return files;
        }
    },
    /** A folder with nothing in it. */
    BROKEN_EMPTY("1,3") {
        @Override
        MachineFiles files() {
            return new MachineFiles();
        }
    },
    /** CPU folders, but no lists, as sandboxes have it. */
    BROKEN_NO_LISTS("0-1") {
        @Override
        MachineFiles files() {
            MachineFiles files = quad();
            for (String list : List.of("possible", "present", "online", "offline", "isolated")) {
                files.remove(CPU + list);
            }
            return files;
        }
    },
    /** Two of four CPUs have no topology. */
    BROKEN_NO_TOPOLOGY("0-3") {
        @Override
        MachineFiles files() {
            return quad().remove(CPU + "cpu1/topology").remove(CPU + "cpu2/topology");
        }
    },
    /** Nonsense in every file. */
    BROKEN_GARBAGE("0-3") {
        @Override
        MachineFiles files() {
            MachineFiles files = quad().cache(0, 0, 1, "Data", "32K", "0")
                    .put(CPU + "cpu0/cpu_capacity", "1024")
                    .put("proc/self/cgroup", "x")
                    .put("proc/self/mountinfo", "x");
            for (String path : files.paths()) {
                if (!path.endsWith("/")) {
                    files.put(path, "3-\u0001 garbage \u00e9 0-99999999999999999999");
                }
            }
            return files;
        }
    },
    /** Files that cannot be read, not even by root: folders stand in their places. */
    BROKEN_UNREADABLE("0-3") {
        @Override
        MachineFiles files() {
            MachineFiles files = quad();
            for (String path :
                    List.of("present", "online", "isolated", "cpu0/topology/core_cpus_list", "cpu3/topology/core_id")) {
                files.remove(CPU + path).put(CPU + path + "/", "");
            }
            return files.remove("sys/devices/system/node").put("sys/devices/system/node", "a file");
        }
    },
    /** A container's virtual sysfs renumbers what is online; the scheduler does not. */
    BROKEN_ONLINE_RENUMBERED("2-3") {
        @Override
        MachineFiles files() {
            return quad().put(CPU + "online", "0-1");
        }
    },
    /** Two packages that the firmware gives one number. */
    BROKEN_PACKAGE_NUMBERS("0-7") {
        @Override
        MachineFiles files() {
            MachineFiles files = new MachineFiles().cpus("0-7", "0-7", "0-7");
            for (int cpu = 0; cpu < 8; cpu++) {
                files.core(0, cpu % 4, cpu)
                        .put(CPU + "cpu" + cpu + "/topology/core_siblings_list", cpu < 4 ? "0-3" : "4-7");
            }
            return files;
        }
    },
    /** What is expected of every machine and missing here: numbers of cores and packages, sizes and sharers of caches. */
    BROKEN_GAPS_EVERYWHERE("0-3") {
        @Override
        MachineFiles files() {
            MachineFiles files = quad();
            for (int cpu = 0; cpu < 4; cpu++) {
                for (int index = 0; index < 3; index++) {
                    files.cache(cpu, index, index + 1, "Unified", "1024K", "0-3")
                            .remove(CPU + "cpu" + cpu + "/cache/index" + index + "/shared_cpu_list")
                            .remove(CPU + "cpu" + cpu + "/cache/index" + index + "/size");
                }
                files.put(CPU + "cpu" + cpu + "/topology/physical_package_id", "-1")
                        .remove(CPU + "cpu" + cpu + "/topology/core_id");
            }
            return files;
        }
    },
    /** Caches whose sharers contradict each other. */
    BROKEN_CACHES("0-3") {
        @Override
        MachineFiles files() {
            return quad().cache(0, 0, 2, "Unified", "1024K", "0-2")
                    .cache(1, 0, 2, "Unified", "1024K", "1-2")
                    .cache(2, 0, 2, "Unified", "1024K", "1-2")
                    .cache(3, 0, 2, "Unified", "1024K", "3");
        }
    },
    /** No list of what is online, but files that say so of each CPU. */
    BROKEN_NO_ONLINE_LIST("0-2") {
        @Override
        MachineFiles files() {
            return quad().remove(CPU + "online")
                    .remove(CPU + "offline")
                    .put(CPU + "cpu1/online", "1")
                    .put(CPU + "cpu3/online", "0");
        }
    },
    /** A cpuset that lacks CPUs which the scheduler allows. */
    BROKEN_CPUSET("0-3") {
        @Override
        MachineFiles files() {
            return quad().put("proc/self/cgroup", "0::/")
                    .put("proc/self/mountinfo", UNIFIED)
                    .put("sys/fs/cgroup/cpuset.cpus.effective", "1-2");
        }
    },
    /** Siblings that disagree, and a CPU in two nodes. */
    BROKEN_CONTRADICTIONS("0-3") {
        @Override
        MachineFiles files() {
            return quad().put(CPU + "cpu0/topology/core_cpus_list", "0-1")
                    .put(CPU + "cpu3/topology/core_cpus_list", "2")
                    .node(0, "0-2")
                    .node(1, "2-3");
        }
    };

    private static final String UNIFIED = "25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate";

    private final String allowed;

    Machines(String allowed) {
        this.allowed = allowed;
    }

    abstract MachineFiles files();

    /** What the scheduler says. */
    CpuSet allowed() {
        return CpuSet.parse(allowed);
    }

    boolean broken() {
        return name().startsWith("BROKEN");
    }

    /** Four cores of one thread in one package and one node. */
    private static MachineFiles quad() {
        MachineFiles files = new MachineFiles().cpus("0-3", "0-3", "0-3").node(0, "0-3");
        for (int cpu = 0; cpu < 4; cpu++) {
            files.core(0, cpu, cpu);
        }
        return files;
    }
}
