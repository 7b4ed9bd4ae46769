// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * Finds libpercpu.so and loads it. The library is a named file, or the resource of the jar. The resource is loaded from
 * a file in memory. Where that fails, it is loaded from a file in a private folder, which is deleted after the load. No
 * method here uses a channel, because Thread.interrupt would close the channel.
 */
final class LibraryFile {
    /** The property that names the file or its folder. An empty value means: no library. */
    static final String PROPERTY = "percpu.library.path";

    private static final String NAME = "libpercpu.so";

    /**
     * Length of the ELF header. It holds the class at 4, the machine at 18, the offset of the section header table at
     * 40, and the size and count of that table's entries at 58 and 60.
     */
    private static final int ELF_HEADER = 64;

    private static final int ELF_MAGIC = 0x464C457F;
    private static final int ELF_64_LITTLE = 0x0102;
    private static final int EM_X86_64 = 62;
    private static final int EM_AARCH64 = 183;

    private LibraryFile() {}

    /**
     * The library, or the reason why there is none.
     *
     * @param passing whether the reason may pass, so that another try may succeed
     */
    record Found(@Nullable LibPercpu libPercpu, String reason, boolean passing) {}

    /**
     * Loads the library that the property names, or the jar's own library. The jar's library is optional: without it
     * levels still work, in EAGER mode.
     *
     * @throws UnsupportedOperationException if the property names a file that is no libpercpu of this version
     */
    static Found load(LinuxCalls linux) {
        String named = System.getProperty(PROPERTY);
        if (named == null) {
            return loadResource(linux);
        }
        if (named.isEmpty()) {
            return new Found(null, "-D" + PROPERTY + " is empty", false);
        }
        File path = new File(named);
        File file = path.isDirectory() ? new File(path, NAME) : path;
        try {
            requireWhole(file);
            return new Found(LibPercpu.load(linux, file.getAbsolutePath()), "named by -D" + PROPERTY, false);
        } catch (UnsupportedOperationException e) {
            throw new UnsupportedOperationException(
                    e.getMessage() + "; name a libpercpu.so of this version in a folder that is not mounted noexec ("
                            + unzip() + "), or leave -D" + PROPERTY + " out",
                    e);
        }
    }

    private static Found loadResource(LinuxCalls linux) {
        String arch = arch();
        String resource = resource();
        byte[] library;
        try (InputStream in = LibraryFile.class.getResourceAsStream(resource)) {
            if (in == null) {
                return new Found(
                        null,
                        "the jar was built without libpercpu.so for " + arch
                                + ": build it in percpu's sources (cc -std=c11 -D_GNU_SOURCE -O2 -fPIC -shared -Inative/include"
                                + " -o libpercpu.so native/src/percpu.c) and name it with -D" + PROPERTY + "=FILE",
                        false);
            }
            library = in.readAllBytes();
        } catch (IOException e) {
            return new Found(null, "libpercpu.so cannot be read from the jar: " + e, true);
        }
        String inMemory;
        try {
            return new Found(MemoryFile.load(linux, NAME, library), "from the jar", false);
        } catch (UnsupportedOperationException | IOException e) {
            inMemory = text(e);
        }
        String folder = System.getProperty("java.io.tmpdir");
        String inFolder;
        try {
            return new Found(unpack(linux, library), "from the jar, by way of " + folder, false);
        } catch (IOException e) {
            inFolder = "it cannot be unpacked to " + folder + " (" + e + ")";
        } catch (UnsupportedOperationException e) {
            // The folder may be mounted noexec, or the process may use another C library.
            inFolder = text(e);
        }
        return new Found(
                null,
                "that of the jar cannot be used, neither from memory: " + inMemory + "; nor from a file: " + inFolder
                        + "; put libpercpu.so (" + unzip()
                        + ") into a folder that is not mounted noexec, and name that with -D" + PROPERTY + "=FOLDER",
                true);
    }

    private static String resource() {
        return "native/linux-" + arch() + "/" + NAME;
    }

    /**
     * Returns the command that takes the library out of the jar. It names the jar by its present path, as the jar may
     * have been renamed.
     */
    private static String unzip() {
        URL url = LibraryFile.class.getResource(resource());
        String text = url == null ? "" : url.getPath();
        int end = text.indexOf("!/");
        if (!text.startsWith("file:") || end < 0) {
            return "it is in the jar of percpu-core as org/percpu/dispatch/" + resource();
        }
        return "unzip -j '" + Path.of(URI.create(text.substring(0, end))) + "' '" + text.substring(end + 2) + "'";
    }

    private static String text(Exception e) {
        String message = e.getMessage();
        return message == null ? e.toString() : message;
    }

    private static LibPercpu unpack(LinuxCalls linux, byte[] library) throws IOException {
        Path folder = Files.createTempDirectory(
                "percpu", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        File file = folder.resolve(NAME).toFile();
        try {
            try (FileOutputStream out = new FileOutputStream(file)) {
                out.write(library);
            }
            return LibPercpu.load(linux, file.getAbsolutePath());
        } finally {
            Files.deleteIfExists(file.toPath());
            Files.delete(folder);
        }
    }

    /**
     * Checks that the file is complete. dlopen maps a file without looking at its length: a file that was cut short
     * would end the JVM with SIGBUS.
     */
    private static void requireWhole(File file) {
        ByteBuffer header = ByteBuffer.allocate(ELF_HEADER).order(ByteOrder.LITTLE_ENDIAN);
        long size;
        try (FileInputStream in = new FileInputStream(file)) {
            size = file.length();
            header.position(in.readNBytes(header.array(), 0, ELF_HEADER));
        } catch (IOException e) {
            throw LibPercpu.refused(file.toString(), "it cannot be read (" + e + ")");
        }
        if (header.hasRemaining() || header.getInt(0) != ELF_MAGIC || header.getShort(4) != ELF_64_LITTLE) {
            throw LibPercpu.refused(file.toString(), "it is no 64-bit ELF file");
        }
        int machine = header.getShort(18);
        if (machine != (arch().equals("aarch64") ? EM_AARCH64 : EM_X86_64)) {
            throw LibPercpu.refused(file.toString(), "it is for another processor (ELF machine " + machine + ")");
        }
        long end = header.getLong(40) + (long) header.getShort(58) * header.getShort(60);
        if (end > size) {
            throw LibPercpu.refused(file.toString(), "it is cut short: " + size + " bytes of " + end);
        }
    }

    private static String arch() {
        return System.getProperty("os.arch", "").equals("aarch64") ? "aarch64" : "x86_64";
    }
}
