// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.LinuxCalls;

/** Where libpercpu.so comes from: a named file, or the resource of the jar, unpacked to a private folder while it is loaded. */
final class LibraryFile {
    /** Names the file or its folder; empty for no library. */
    static final String PROPERTY = "percpu.library.path";

    private static final String NAME = "libpercpu.so";

    /** Of the ELF header: class at 4, machine at 18, section header table at 40, size and count of its entries at 58 and 60. */
    private static final int ELF_HEADER = 64;

    private static final int ELF_MAGIC = 0x464C457F;
    private static final int ELF_64_LITTLE = 0x0102;
    private static final int EM_X86_64 = 62;
    private static final int EM_AARCH64 = 183;

    private LibraryFile() {}

    /** The library, or why there is none. */
    record Found(@Nullable TopHalf topHalf, String reason) {}

    /**
     * Loads the library that the property names, or the jar's. Without that of the jar, which nobody has asked for, levels do.
     *
     * @throws UnsupportedOperationException if the property names a file and it is no libpercpu of this version
     */
    static Found load(LinuxCalls linux) {
        String named = System.getProperty(PROPERTY);
        if (named == null) {
            return loadResource(linux);
        }
        if (named.isEmpty()) {
            return new Found(null, "-D" + PROPERTY + " is empty");
        }
        Path path = Path.of(named);
        Path file = Files.isDirectory(path) ? path.resolve(NAME) : path;
        try {
            return new Found(load(linux, file), "named by -D" + PROPERTY);
        } catch (UnsupportedOperationException e) {
            throw new UnsupportedOperationException(
                    e.getMessage() + "; build it from native/src of this version, or leave -D" + PROPERTY + " out", e);
        }
    }

    private static Found loadResource(LinuxCalls linux) {
        String arch = arch();
        String resource = "native/linux-" + arch + "/" + NAME;
        try (InputStream in = LibraryFile.class.getResourceAsStream(resource)) {
            if (in == null) {
                return new Found(null, "the jar was built without libpercpu.so for " + arch);
            }
            return unpack(linux, in);
        } catch (IOException e) {
            return new Found(
                    null, "libpercpu.so cannot be unpacked to " + System.getProperty("java.io.tmpdir") + ": " + e);
        } catch (UnsupportedOperationException e) {
            // A folder from which nothing may be executed, another C library.
            return new Found(null, "that of the jar cannot be used: " + e.getMessage());
        }
    }

    private static Found unpack(LinuxCalls linux, InputStream in) throws IOException {
        Path folder = Files.createTempDirectory(
                "percpu", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Path file = folder.resolve(NAME);
        try {
            Files.copy(in, file);
            return new Found(load(linux, file), "from the jar");
        } finally {
            Files.deleteIfExists(file);
            Files.delete(folder);
        }
    }

    private static TopHalf load(LinuxCalls linux, Path file) {
        try {
            requireWhole(file);
        } catch (IOException e) {
            throw TopHalf.refused(file.toString(), "it cannot be read (" + e + ")");
        }
        return TopHalf.load(linux, file.toAbsolutePath().toString());
    }

    /** dlopen maps a file without looking at its length: one that was cut short would end the JVM with SIGBUS. */
    private static void requireWhole(Path file) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(ELF_HEADER).order(ByteOrder.LITTLE_ENDIAN);
        long size;
        try (SeekableByteChannel channel = Files.newByteChannel(file)) {
            size = channel.size();
            int read = 0;
            // In one piece but for odd file systems.
            while (read >= 0 && header.hasRemaining()) {
                read = channel.read(header);
            }
        }
        if (header.hasRemaining() || header.getInt(0) != ELF_MAGIC || header.getShort(4) != ELF_64_LITTLE) {
            throw TopHalf.refused(file.toString(), "it is no 64-bit ELF file");
        }
        int machine = header.getShort(18);
        if (machine != (arch().equals("aarch64") ? EM_AARCH64 : EM_X86_64)) {
            throw TopHalf.refused(file.toString(), "it is for another processor (ELF machine " + machine + ")");
        }
        long end = header.getLong(40) + (long) header.getShort(58) * header.getShort(60);
        if (end > size) {
            throw TopHalf.refused(file.toString(), "it is cut short: " + size + " bytes of " + end);
        }
    }

    private static String arch() {
        return System.getProperty("os.arch", "").equals("aarch64") ? "aarch64" : "x86_64";
    }
}
