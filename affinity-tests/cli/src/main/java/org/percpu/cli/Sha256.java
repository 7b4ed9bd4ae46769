// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * SHA-256 of files, each a deferred work, with the output of sha256sum(1).
 *
 * <p>Named files are hashed in the order of their names on the command line. A folder stands for the regular files below it,
 * sorted; symbolic links below it are not followed, as by {@code find -type f}.
 */
final class Sha256 {
    private static final int BUFFER_BYTES = 1 << 16;

    private final List<Path> files = new ArrayList<>();
    private final List<String> refused = new ArrayList<>();

    // Slot i belongs to the work of file i until the run has ended.
    private final @Nullable String[] digests;
    private final @Nullable String[] failures;

    /** Finds the files; what is not there is reported with the results, like what cannot be read. */
    Sha256(List<String> names) {
        for (String name : names) {
            try {
                find(Path.of(name), true);
            } catch (InvalidPathException e) {
                throw new BadInput("a file name cannot be used: " + oneLine(String.valueOf(e.getMessage())), e);
            }
        }
        this.digests = new String[files.size()];
        this.failures = new String[files.size()];
    }

    private void find(Path path, boolean named) {
        LinkOption[] links = named ? new LinkOption[0] : new LinkOption[] {LinkOption.NOFOLLOW_LINKS};
        try {
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class, links);
            if (attributes.isRegularFile()) {
                files.add(path);
            } else if (attributes.isDirectory()) {
                List<Path> entries = new ArrayList<>();
                try (DirectoryStream<Path> folder = Files.newDirectoryStream(path)) {
                    folder.forEach(entries::add);
                } catch (DirectoryIteratorException e) {
                    throw e.getCause();
                }
                entries.sort(null);
                for (Path entry : entries) {
                    find(entry, false);
                }
            } else if (named) {
                refused.add(path + ": neither a regular file nor a folder");
            }
        } catch (IOException e) {
            refused.add(path + ": " + reason(e));
        }
    }

    int count() {
        return files.size();
    }

    /** The job of one CPU, with a buffer of its own. */
    Job job() {
        MessageDigest digest = sha256();
        byte[] buffer = new byte[BUFFER_BYTES];
        return item -> hash((int) item, digest, buffer);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    private void hash(int file, MessageDigest digest, byte[] buffer) {
        digest.reset();
        try (InputStream in = Files.newInputStream(files.get(file))) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
            digests[file] = HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            failures[file] = files.get(file) + ": " + reason(e);
        }
    }

    private static String reason(IOException e) {
        if (e instanceof NoSuchFileException) {
            return "no such file or folder";
        }
        if (e instanceof AccessDeniedException) {
            return "permission denied";
        }
        String reason = e instanceof FileSystemException file ? file.getReason() : e.getMessage();
        return reason != null ? reason : e.getClass().getSimpleName();
    }

    /** Says what could not be hashed; true if everything was. */
    boolean report(PrintStream err) {
        boolean complete = true;
        for (String problem : problems()) {
            err.println("percpu run: " + oneLine(problem));
            complete = false;
        }
        return complete;
    }

    private List<String> problems() {
        List<String> problems = new ArrayList<>(refused);
        for (String failure : failures) {
            if (failure != null) {
                problems.add(failure);
            }
        }
        return problems;
    }

    /** The lines of sha256sum, names as the bytes that the file system has. */
    void printLines(PrintStream out) {
        for (int i = 0; i < files.size(); i++) {
            String digest = digests[i];
            if (digest != null) {
                byte[] line = line(digest, bytes(files.get(i)));
                out.write(line, 0, line.length);
            }
        }
        out.flush();
    }

    /** For JSON: the same in the same order. */
    List<Map<String, @Nullable Object>> members() {
        List<Map<String, @Nullable Object>> members = new ArrayList<>();
        for (int i = 0; i < files.size(); i++) {
            String digest = digests[i];
            if (digest != null) {
                members.add(new Json()
                        .put("file", files.get(i).toString())
                        .put("sha256", digest)
                        .members());
            }
        }
        return members;
    }

    /** A name with a backslash or a line end is escaped, and then the line begins with a backslash. */
    private static byte[] line(String digest, byte[] name) {
        ByteArrayOutputStream escaped = new ByteArrayOutputStream();
        for (byte b : name) {
            switch (b) {
                case '\\' -> escaped.writeBytes(new byte[] {'\\', '\\'});
                case '\n' -> escaped.writeBytes(new byte[] {'\\', 'n'});
                case '\r' -> escaped.writeBytes(new byte[] {'\\', 'r'});
                default -> escaped.write(b);
            }
        }
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        if (escaped.size() != name.length) {
            line.write('\\');
        }
        line.writeBytes((digest + "  ").getBytes(StandardCharsets.US_ASCII));
        line.writeBytes(escaped.toByteArray());
        line.write('\n');
        return line.toByteArray();
    }

    /** A path's bytes: its text has lost those that are not of the locale's encoding, its URI has them all. */
    private static byte[] bytes(Path path) {
        String uri = Path.of("/").resolve(path).toUri().getRawPath();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int i = path.isAbsolute() ? 0 : 1; i < uri.length(); i++) {
            char c = uri.charAt(i);
            if (c == '%') {
                bytes.write(Integer.parseInt(uri, i + 1, i + 3, 16));
                i += 2;
            } else {
                bytes.write(c);
            }
        }
        return bytes.toByteArray();
    }

    private static String oneLine(String text) {
        return text.replaceAll("\\p{Cntrl}", "?");
    }
}
