// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A folder of small kernel files. The result is null for a file that is absent. It is also null, and a problem is
 * recorded, for a file that cannot be read or understood. Nothing throws. A file can vanish at any time, when a CPU
 * goes offline, so the read itself finds out whether it is there.
 */
final class SysFolder {
    private static final int LONGEST_QUOTE = 40;
    private static final int LONGEST_NUMBER = 9;
    private static final int DIGITS_OF_CHUNK = 8;
    private static final int DIGITS_OF_WORD = 16;

    private final Path path;
    private final String label;
    private final Problems.Sink problems;

    /**
     * @param label what problems put in front of a file's name, with a slash at the end unless it is empty
     */
    SysFolder(Path path, String label, Problems.Sink problems) {
        this.path = path;
        this.label = label;
        this.problems = problems;
    }

    SysFolder sub(String name) {
        return new SysFolder(path.resolve(name), label + name + "/", problems);
    }

    /** The same, for one of many similar folders. The label starts here, so that equal problems have equal lines. */
    SysFolder sub(String name, Problems.Sink problemsOfOne) {
        return new SysFolder(path.resolve(name), "", problemsOfOne);
    }

    /**
     * A folder that {@link #text} has named: each char is one byte of its path. A locale such as C has no chars for
     * some bytes that the kernel allows, so they go through a URI.
     *
     * @return null if no such path can be asked for
     */
    @Nullable
    SysFolder ofBytes(String bytes) {
        try {
            return new SysFolder(resolveBytes(bytes), label + decoded(bytes) + "/", problems);
        } catch (IllegalArgumentException e) { // InvalidPathException is one
            return null;
        }
    }

    private Path resolveBytes(String bytes) throws InvalidPathException {
        if (isAscii(bytes)) {
            return path.resolve(bytes);
        }
        if (!path.getFileSystem().equals(FileSystems.getDefault())) {
            return path.resolve(decoded(bytes));
        }
        StringBuilder uri = new StringBuilder(path.toUri().toString());
        if (uri.charAt(uri.length() - 1) != '/') {
            uri.append('/');
        }
        bytes.chars().forEach(c -> uri.append(c == '/' ? "/" : String.format(Locale.ROOT, "%%%02X", c)));
        return Path.of(URI.create(uri.toString()));
    }

    private static boolean isAscii(String bytes) {
        for (int i = 0; i < bytes.length(); i++) {
            if (bytes.charAt(i) >= 0x80) {
                return false;
            }
        }
        return true;
    }

    /** For people, text whose chars are bytes. */
    static String decoded(String bytes) {
        return new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
    }

    boolean exists() {
        return Files.isDirectory(path);
    }

    void problem(String file, String what) {
        problem(file, what, "");
    }

    void problem(String file, String what, String detail) {
        problems.report(label + file, what, detail);
    }

    /** The content up to the first NUL. Some kernels and many captures have meaningless bytes after it. */
    @Nullable
    String text(String file) {
        try {
            String text = Files.readString(path.resolve(file), StandardCharsets.ISO_8859_1);
            int end = text.indexOf('\0');
            return (end < 0 ? text : text.substring(0, end)).strip();
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
            problem(file, "not a CPU list, but ", quote(text));
            return null;
        }
    }

    /** A mask as the kernel prints it: words of 32 bits in hexadecimal, the highest first, with commas between them. */
    @Nullable
    CpuSet mask(String file) {
        String text = text(file);
        if (text == null) {
            return null;
        }
        try {
            StringBuilder digits = new StringBuilder();
            for (String chunk : text.split(",", -1)) {
                digits.append("0".repeat(Math.max(0, DIGITS_OF_CHUNK - chunk.length())))
                        .append(chunk);
            }
            long[] words = new long[(digits.length() + DIGITS_OF_WORD - 1) / DIGITS_OF_WORD];
            for (int i = 0, end = digits.length(); end > 0; i++, end -= DIGITS_OF_WORD) {
                words[i] = Long.parseUnsignedLong(digits, Math.max(0, end - DIGITS_OF_WORD), end, 16);
            }
            return CpuSet.fromMask(words);
        } catch (IllegalArgumentException e) { // NumberFormatException is one
            problem(file, "not a CPU mask, but ", quote(text));
            return null;
        }
    }

    /** The list; where the list is missing or empty, the mask. Older kernels and some sandboxes have only the mask. */
    @Nullable
    CpuSet cpus(String list, String mask) {
        CpuSet cpus = cpus(list);
        if (cpus != null && !cpus.isEmpty()) {
            return cpus;
        }
        CpuSet bits = mask(mask);
        return bits == null ? cpus : bits;
    }

    /** A whole number that fits an int, or -1, which the kernel's files also use for "unknown". */
    int number(String file) {
        String text = text(file);
        return text == null ? -1 : number(file, text);
    }

    /** The same, where the kernel is expected to know: a problem if it does not. */
    int knownNumber(String file) {
        String text = text(file);
        if (text == null) {
            missing(file);
        } else if (text.startsWith("-") && digits(text, 1, text.length())) {
            problem(file, "negative; took it as unknown");
        }
        return text == null ? -1 : number(file, text);
    }

    /** A file that exists and cannot be read has been reported already. */
    private void missing(String file) {
        if (!Files.exists(path.resolve(file))) {
            problem(file, "missing; took it as unknown");
        }
    }

    private int number(String file, String text) {
        int sign = text.startsWith("-") ? 1 : 0;
        if (!digits(text, sign, text.length())) {
            problem(file, "not a number, but ", quote(text));
            return -1;
        }
        return sign == 1 ? -1 : Integer.parseInt(text);
    }

    /** A size such as 32K in bytes, or -1 and a problem. */
    long size(String file) {
        String text = text(file);
        if (text == null) {
            missing(file);
            return -1;
        }
        int unit = text.isEmpty() ? -1 : "KMG".indexOf(text.charAt(text.length() - 1));
        int end = unit < 0 ? text.length() : text.length() - 1;
        if (!digits(text, 0, end)) {
            problem(file, "not a size, but ", quote(text));
            return -1;
        }
        long size = Long.parseLong(text.substring(0, end)) << (10 * (unit + 1));
        if (size == 0) {
            problem(file, "0; took it as unknown");
            return -1;
        }
        return size;
    }

    /** The numbers of the subfolders that are named by a prefix and a number, such as cpu12. */
    SortedSet<Integer> numbered(String prefix) {
        SortedSet<Integer> numbers = new TreeSet<>();
        for (Path entry : entries()) {
            String name = String.valueOf(entry.getFileName());
            if (name.startsWith(prefix) && digits(name, prefix.length(), name.length())) {
                numbers.add(Integer.parseInt(name.substring(prefix.length())));
            }
        }
        return numbers;
    }

    /** All subfolders. */
    List<SysFolder> folders() {
        List<SysFolder> folders = new ArrayList<>();
        for (Path entry : entries()) {
            if (Files.isDirectory(entry)) {
                folders.add(new SysFolder(entry, label + entry.getFileName() + "/", problems));
            }
        }
        return folders;
    }

    /** What the folder holds; as far as it could be listed, and a problem if it could not. */
    private List<Path> entries() {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
            for (Path entry : entries) {
                found.add(entry);
            }
        } catch (IOException | DirectoryIteratorException e) {
            if (Files.exists(path)) {
                problem("", "cannot be listed, " + reason(e));
            }
        }
        return found;
    }

    private static boolean digits(String text, int from, int to) {
        for (int i = from; i < to; i++) {
            if (text.charAt(i) < '0' || text.charAt(i) > '9') {
                return false;
            }
        }
        return to > from && to - from <= LONGEST_NUMBER;
    }

    /** Foreign text in a message: one line, of a sane length. */
    private static String quote(String text) {
        String line = text.replaceAll("\\p{Cntrl}", "?");
        return "\"" + (line.length() <= LONGEST_QUOTE ? line : line.substring(0, LONGEST_QUOTE) + "...") + "\"";
    }
}
