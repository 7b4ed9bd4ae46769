// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * The kernel files of a machine, captured (see the script {@code topology/capture} for the format) or constructed. A
 * path that ends with a slash is a folder.
 */
final class MachineFiles {
    static final String CPU = "sys/devices/system/cpu/";
    static final String NODE = "sys/devices/system/node/";

    private final SortedMap<String, String> files = new TreeMap<>();

    static MachineFiles captured(String resource) {
        try (InputStream in =
                requireNonNull(MachineFiles.class.getResourceAsStream("/topology/" + resource), resource)) {
            return of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static MachineFiles of(String text) {
        MachineFiles machine = new MachineFiles();
        text.lines().filter(line -> !line.isEmpty() && !line.startsWith("#")).forEach(machine::line);
        return machine;
    }

    private void line(String line) {
        int equals = line.indexOf(" =");
        if (equals < 0) {
            put(line, "");
        } else {
            put(line.substring(0, equals), unescape(line.substring(equals + 2).strip()));
        }
    }

    private static String unescape(String content) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < content.length(); i++) {
            char c = content.charAt(i);
            if (c == '\\') {
                i++;
                c = content.charAt(i) == 'n' ? '\n' : content.charAt(i);
            }
            text.append(c);
        }
        return text.toString();
    }

    MachineFiles put(String path, String content) {
        files.put(path, content);
        return this;
    }

    /** Takes away a file, or a folder with all that is in it. */
    MachineFiles remove(String path) {
        files.keySet().removeIf(key -> key.equals(path) || key.startsWith(path + "/"));
        return this;
    }

    String get(String path) {
        return requireNonNull(files.get(path), path);
    }

    List<String> paths() {
        return new ArrayList<>(files.keySet());
    }

    MachineFiles cpus(String possible, String present, String online) {
        put(CPU + "possible", possible).put(CPU + "present", present).put(CPU + "online", online);
        CpuSet all = CpuSet.parseKernel(present);
        put(
                CPU + "offline",
                CpuSet.parseKernel(possible).minus(CpuSet.parseKernel(online)).toString());
        put(CPU + "isolated", "");
        all.forEach(cpu -> put(CPU + "cpu" + cpu + "/", ""));
        return this;
    }

    /** A core of online threads. */
    MachineFiles core(int packageId, int coreId, int... threads) {
        CpuSet siblings = CpuSet.of(threads);
        for (int thread : threads) {
            String topology = CPU + "cpu" + thread + "/topology/";
            put(topology + "physical_package_id", Integer.toString(packageId));
            put(topology + "core_id", Integer.toString(coreId));
            put(topology + "core_cpus_list", siblings.toString());
        }
        return this;
    }

    MachineFiles cache(int cpu, int index, int level, String type, String size, String shared) {
        String cache = CPU + "cpu" + cpu + "/cache/index" + index + "/";
        return put(cache + "level", Integer.toString(level))
                .put(cache + "type", type)
                .put(cache + "size", size)
                .put(cache + "shared_cpu_list", shared);
    }

    MachineFiles node(int node, String cpus) {
        return put(NODE + "node" + node + "/cpulist", cpus);
    }

    Path writeTo(Path root) {
        try {
            Set<Path> folders = new HashSet<>();
            for (var file : files.entrySet()) {
                Path path = root.resolve(file.getKey());
                boolean isFolder = file.getKey().endsWith("/");
                Path folder = isFolder ? path : requireNonNull(path.getParent());
                if (folders.add(folder)) {
                    Files.createDirectories(folder);
                }
                if (!isFolder) {
                    Files.writeString(path, file.getValue() + "\n", StandardCharsets.UTF_8);
                }
            }
            return root;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The same in one file, to be opened as a file system: thousands of small files take a disk long. */
    Path zipTo(Path file) {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (var entry : files.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write((entry.getValue() + "\n").getBytes(StandardCharsets.UTF_8));
            }
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
