// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The files that a kernel shows of a machine under {@code /sys} and {@code /proc}: constructed from a shape such as
 * {@code 2x8x2}, or read from a captured machine. A shape has two threads or one in a core, a level-1 and a level-2
 * cache for each core, and a level-3 cache and a NUMA node for each package. CPU numbers run as Linux numbers them on
 * x86: first threads of all cores, then second ones.
 */
final class Topology {
    private static final String CPU = "sys/devices/system/cpu/";
    private static final String NODE = "sys/devices/system/node/";
    private static final int MAX_CPUS = 8192;
    private static final int PARTS = 3;
    private static final String STATUS =
            "SigCgt:\t0000000000000000\nSigIgn:\t0000000000000000\nCapEff:\t0000000000000000\n";

    private final Map<String, String> files;
    private final BitSet online;
    private @Nullable Path root; // guarded by this

    private Topology(Map<String, String> files) {
        this.files = files;
        this.online = Cpus.parse(clean(files.getOrDefault(CPU + "online", "0")));
    }

    /**
     * The machine that a description names.
     *
     * @throws IllegalArgumentException if it is neither a shape nor a readable capture
     */
    static Topology of(String machine) {
        if (machine.matches("\\d+(x\\d+){0,2}")) {
            return ofShape(machine);
        }
        Path path = Path.of(machine);
        try {
            if (Files.isDirectory(path.resolve("sys"))) {
                return new Topology(folder(path));
            }
            if (Files.isRegularFile(path)) {
                return new Topology(captured(Files.readString(path)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the captured machine " + path + " cannot be read", e);
        }
        throw new IllegalArgumentException("\"" + machine + "\" is no machine to simulate: write a number of CPUs (8),"
                + " packages x cores x threads (2x8x2), or the path of a captured machine");
    }

    private static Topology ofShape(String shape) {
        String[] parts = shape.split("x", -1);
        long packages = parts.length < 2 ? 1 : Long.parseLong(parts[0]);
        long cores = Long.parseLong(parts[parts.length < 2 ? 0 : 1]);
        long threads = parts.length < PARTS ? 1 : Long.parseLong(parts[2]);
        if (packages * cores * threads > MAX_CPUS || packages * cores * threads == 0) {
            throw new IllegalArgumentException("\"" + shape + "\" has " + packages * cores * threads
                    + " CPUs: a simulated machine has 1 to " + MAX_CPUS);
        }
        return new Topology(construct((int) packages, (int) cores, (int) threads));
    }

    private static Map<String, String> construct(int packages, int cores, int threads) {
        Map<String, String> files = new TreeMap<>();
        int all = packages * cores * threads;
        String list = all == 1 ? "0" : "0-" + (all - 1);
        files.put(CPU + "possible", list);
        files.put(CPU + "present", list);
        files.put(CPU + "online", list);
        files.put(CPU + "offline", "");
        files.put(CPU + "isolated", "");
        for (int p = 0; p < packages; p++) {
            BitSet ofPackage = new BitSet();
            for (int cpu = 0; cpu < all; cpu++) {
                ofPackage.set(cpu, cpu / cores % packages == p);
            }
            String packageCpus = Cpus.format(ofPackage);
            files.put(NODE + "node" + p + "/cpulist", packageCpus);
            for (int c = 0; c < cores; c++) {
                BitSet ofCore = new BitSet();
                for (int t = 0; t < threads; t++) {
                    ofCore.set((t * packages + p) * cores + c);
                }
                String coreCpus = Cpus.format(ofCore);
                ofCore.stream().forEach(cpu -> putCpu(files, cpu, coreCpus, packageCpus));
                for (int cpu = ofCore.nextSetBit(0); cpu >= 0; cpu = ofCore.nextSetBit(cpu + 1)) {
                    files.put(CPU + "cpu" + cpu + "/topology/physical_package_id", Integer.toString(p));
                    files.put(CPU + "cpu" + cpu + "/topology/core_id", Integer.toString(c));
                }
            }
        }
        files.put("sys/devices/system/node/online", packages == 1 ? "0" : "0-" + (packages - 1));
        return files;
    }

    private static void putCpu(Map<String, String> files, int cpu, String coreCpus, String packageCpus) {
        String folder = CPU + "cpu" + cpu + "/";
        files.put(folder + "online", "1");
        files.put(folder + "topology/core_cpus_list", coreCpus);
        files.put(folder + "topology/thread_siblings_list", coreCpus);
        files.put(folder + "topology/package_cpus_list", packageCpus);
        files.put(folder + "topology/core_siblings_list", packageCpus);
        putCache(files, folder, 0, "1", "Data", "32K", coreCpus);
        putCache(files, folder, 1, "1", "Instruction", "32K", coreCpus);
        putCache(files, folder, 2, "2", "Unified", "1024K", coreCpus);
        putCache(files, folder, PARTS, "3", "Unified", "32768K", packageCpus);
    }

    private static void putCache(
            Map<String, String> files, String folder, int index, String level, String type, String size, String cpus) {
        String cache = folder + "cache/index" + index + "/";
        files.put(cache + "level", level);
        files.put(cache + "type", type);
        files.put(cache + "size", size);
        files.put(cache + "shared_cpu_list", cpus);
    }

    /**
     * The format of the script {@code topology/capture}: a line for each file, {@code path =content}, with \n escaped.
     */
    private static Map<String, String> captured(String text) {
        Map<String, String> files = new TreeMap<>();
        text.lines().filter(line -> !line.isEmpty() && !line.startsWith("#")).forEach(line -> {
            int equals = line.indexOf(" =");
            if (equals < 0) {
                files.put(line, "");
            } else {
                files.put(
                        line.substring(0, equals),
                        line.substring(equals + 2).strip().replace("\\n", "\n").replace("\\\\", "\\"));
            }
        });
        if (!files.containsKey(CPU + "online")) {
            throw new IllegalArgumentException("the captured machine has no /" + CPU
                    + "online: make it with the capture" + " script of the topology tests");
        }
        return files;
    }

    private static Map<String, String> folder(Path root) throws IOException {
        Map<String, String> files = new TreeMap<>();
        for (String top : new String[] {"sys", "proc"}) {
            Path folder = root.resolve(top);
            if (Files.isDirectory(folder)) {
                try (var paths = Files.walk(folder)) {
                    for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
                        String name = root.relativize(path).toString().replace('\\', '/');
                        files.put(name, Files.readString(path, StandardCharsets.ISO_8859_1));
                    }
                }
            }
        }
        return files;
    }

    private static String clean(String content) {
        int end = content.indexOf('\0');
        return (end < 0 ? content : content.substring(0, end)).strip();
    }

    /** The CPUs that are online at the start. */
    BitSet online() {
        return Cpus.copy(online);
    }

    /** Sets a file that a capture does not hold, before the first call of {@link #root}. */
    synchronized void put(String path, String content) {
        files.put(path, content);
    }

    /** The root of a file system with the files, made at the first call. */
    synchronized Path root() {
        Path path = root;
        if (path == null) {
            // A capture does not hold what belongs to the process.
            files.put("proc/thread-self/status", STATUS);
            files.putIfAbsent("proc/self/status", STATUS);
            files.putIfAbsent("proc/self/maps", "");
            files.putIfAbsent("proc/sys/kernel/sched_rt_runtime_us", "950000");
            files.putIfAbsent("proc/sys/kernel/sched_rt_period_us", "1000000");
            path = new MachineFiles(files).root();
            root = path;
        }
        return path;
    }
}
