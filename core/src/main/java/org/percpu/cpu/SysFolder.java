// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A folder of small kernel files. What is absent is null; what cannot be read or understood is null as well, and a
 * problem. Nothing throws. A file can vanish at any time, when a CPU goes offline, so absence shows by reading and is
 * not asked beforehand.
 */
final class SysFolder {
    private static final int LONGEST_QUOTE = 40;
    private static final int LONGEST_NUMBER = 9;

    private final Path path;
    private final String label;
    private final Consumer<String> problems;

    /**
     * @param label what problems put in front of a file's name, with a slash at the end unless it is empty
     */
    SysFolder(Path path, String label, Consumer<String> problems) {
        this.path = path;
        this.label = label;
        this.problems = problems;
    }

    SysFolder sub(String name) {
        return new SysFolder(path.resolve(name), label + name + "/", problems);
    }

    /** The same, for one of many alike: the label starts anew, so that equal problems have equal lines. */
    SysFolder sub(String name, Consumer<String> problemsOfOne) {
        return new SysFolder(path.resolve(name), "", problemsOfOne);
    }

    boolean exists() {
        return Files.isDirectory(path);
    }

    void problem(String file, String what) {
        problems.accept(label + file + ": " + what);
    }

    @Nullable
    String text(String file) {
        try {
            return Files.readString(path.resolve(file), StandardCharsets.ISO_8859_1)
                    .strip();
        } catch (NoSuchFileException e) {
            return null;
        } catch (IOException e) {
            problem(file, "cannot be read, " + reason(e));
            return null;
        }
    }

    private static String reason(Exception e) {
        if (e instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (e instanceof NotDirectoryException) {
            return "not a directory";
        }
        String reason = e instanceof FileSystemException failure ? failure.getReason() : e.getMessage();
        return reason == null ? e.getClass().getSimpleName() : reason;
    }

    @Nullable
    CpuSet cpus(String file) {
        String text = text(file);
        if (text == null) {
            return null;
        }
        try {
            return CpuSet.parseKernel(text);
        } catch (IllegalArgumentException e) {
            problem(file, "not a CPU list, but " + quote(text));
            return null;
        }
    }

    /** A whole number that fits an int, or -1, which the kernel's files also use for "unknown". */
    int number(String file) {
        String text = text(file);
        if (text == null) {
            return -1;
        }
        int sign = text.startsWith("-") ? 1 : 0;
        if (!digits(text, sign, text.length())) {
            problem(file, "not a number, but " + quote(text));
            return -1;
        }
        return sign == 1 ? -1 : Integer.parseInt(text);
    }

    /** A size such as 32K in bytes, or -1. */
    long size(String file) {
        String text = text(file);
        if (text == null) {
            return -1;
        }
        int unit = text.isEmpty() ? -1 : "KMG".indexOf(text.charAt(text.length() - 1));
        int end = unit < 0 ? text.length() : text.length() - 1;
        if (!digits(text, 0, end)) {
            problem(file, "not a size, but " + quote(text));
            return -1;
        }
        return Long.parseLong(text.substring(0, end)) << (10 * (unit + 1));
    }

    /** The numbers of the subfolders that are named by a prefix and a number, such as cpu12. */
    SortedSet<Integer> numbered(String prefix) {
        SortedSet<Integer> numbers = new TreeSet<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(path, prefix + "[0-9]*")) {
            for (Path entry : entries) {
                String name = String.valueOf(entry.getFileName());
                if (digits(name, prefix.length(), name.length())) {
                    numbers.add(Integer.parseInt(name.substring(prefix.length())));
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            if (Files.exists(path)) {
                problem("", "cannot be listed, " + reason(e));
            }
        }
        return numbers;
    }

    private static boolean digits(String text, int from, int to) {
        return to > from
                && to - from <= LONGEST_NUMBER
                && text.substring(from, to).chars().allMatch(c -> c >= '0' && c <= '9');
    }

    /** Foreign text in a message: one line, of a sane length. */
    private static String quote(String text) {
        String line = text.replaceAll("\\p{Cntrl}", "?");
        return "\"" + (line.length() <= LONGEST_QUOTE ? line : line.substring(0, LONGEST_QUOTE) + "...") + "\"";
    }
}
