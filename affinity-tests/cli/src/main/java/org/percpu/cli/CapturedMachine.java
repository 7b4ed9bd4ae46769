// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;

/**
 * The files of another machine: a folder with {@code sys} and {@code proc} in it, or the text that the script {@code topology/capture}
 * prints, which is unpacked into a temporary folder meanwhile.
 */
final class CapturedMachine implements Closeable {
    private final Path root;
    private final @Nullable Path unpacked;

    /**
     * @param path folder or text
     * @throws BadInput if it is neither
     */
    CapturedMachine(Path path) {
        try {
            if (Files.isDirectory(path)) {
                unpacked = null;
                root = path;
            } else {
                List<String> lines = Files.readAllLines(path, StandardCharsets.ISO_8859_1);
                unpacked = Files.createTempDirectory("percpu-machine");
                root = unpacked;
                unpack(lines);
            }
        } catch (IOException e) {
            throw new BadInput(
                    "--root '" + path
                            + "': cannot be read; name a folder that holds sys and proc, or a text that the script"
                            + " capture has printed",
                    e);
        }
    }

    /** A line is "path = content" or, for a folder, "path/"; in the content \n is a line break. */
    private void unpack(List<String> lines) throws IOException {
        for (String line : lines) {
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            int equals = line.indexOf(" =");
            String name = equals < 0 ? line : line.substring(0, equals);
            Path file = inside(name);
            if (file == null || (equals < 0 && !name.endsWith("/"))) {
                continue; // a file that is none of a captured machine leaves nothing, which is said when it is read
            }
            if (equals < 0) {
                Files.createDirectories(file);
            } else {
                Path parent = file.getParent();
                if (parent != null) {
                    Files.createDirectories(parent);
                }
                String content = unescape(line.substring(equals + 2).strip());
                Files.write(file, (content + "\n").getBytes(StandardCharsets.ISO_8859_1));
            }
        }
    }

    private @Nullable Path inside(String name) {
        try {
            Path file = root.resolve(name.replaceAll("^/+", "")).normalize();
            return file.startsWith(root) ? file : null;
        } catch (InvalidPathException e) {
            return null;
        }
    }

    private static String unescape(String content) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < content.length(); i++) {
            char c = content.charAt(i);
            if (c == '\\' && i + 1 < content.length()) {
                i++;
                c = content.charAt(i) == 'n' ? '\n' : content.charAt(i);
            }
            text.append(c);
        }
        return text.toString();
    }

    /**
     * Reads the topology.
     *
     * @param allowed what sched_getaffinity(2) said there, null to take it from the files
     */
    CpuTopology topology(@Nullable CpuSet allowed) {
        if (!Files.isDirectory(root.resolve("sys/devices/system/cpu"))) {
            throw new BadInput(
                    "--root: there is no sys/devices/system/cpu in it; name a folder that holds sys and proc, or a text"
                            + " that the script capture has printed");
        }
        try {
            return allowed == null ? CpuTopology.read(root) : CpuTopology.read(root, allowed);
        } catch (IllegalArgumentException e) {
            throw new BadInput("--root: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        if (unpacked == null) {
            return;
        }
        try (Stream<Path> files = Files.walk(unpacked)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
