// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * Loads a library from a file in memory, memfd_create(2). The file is in no folder, so no folder has to be writable and
 * mounted without noexec.
 */
final class MemoryFile {
    private static final String DESCRIPTORS = "/proc/self/fd/";
    private static final int RTLD_NOW = 2;
    private static final int RTLD_NOLOAD = 4;

    private MemoryFile() {}

    /**
     * Loads libpercpu.
     *
     * @throws IOException if there is no such file, or no room in it
     * @throws UnsupportedOperationException if it cannot be loaded
     */
    static LibPercpu load(LinuxCalls linux, String name, byte[] library) throws IOException {
        int fd = create(linux, name);
        try {
            // Opens the same file again by a path, so that Java can write to it and no further C function is needed. A
            // channel would not do: an interrupt would close it.
            try (FileOutputStream out = new FileOutputStream(DESCRIPTORS + fd)) {
                out.write(library);
            }
            return LibPercpu.load(linux, unusedPath(linux, fd));
        } finally {
            // The mapping outlives the file descriptor.
            int closed = linux.close(fd);
            assert closed == 0;
        }
    }

    private static int create(LinuxCalls linux, String name) throws IOException {
        // With vm.memfd_noexec=2 only a file that can't be run is allowed; Linux before 6.3 does not know the flag.
        int fd = linux.memfd_create(name, LinuxCalls.MFD_CLOEXEC | LinuxCalls.MFD_NOEXEC_SEAL);
        if (fd == -Errno.EINVAL.number()) {
            fd = linux.memfd_create(name, LinuxCalls.MFD_CLOEXEC);
        }
        if (fd < 0) {
            throw new IOException("memfd_create(\"" + name + "\"): " + linux.strerror(-fd));
        }
        return fd;
    }

    /**
     * Returns a path of the file that no loaded library has. glibc takes a library for already loaded if a loaded one
     * has the same path, and an earlier copy may have used the number of this file.
     */
    private static String unusedPath(LinuxCalls linux, int fd) {
        long dlopen = linux.dlsym(linux.dlopen(null), "dlopen");
        String path = DESCRIPTORS + fd;
        while (isLoaded(linux, dlopen, path)) {
            path = path.substring(0, path.lastIndexOf('/')) + "/./" + fd;
        }
        return path;
    }

    private static boolean isLoaded(LinuxCalls linux, long dlopen, String path) {
        byte[] bytes = path.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer text = ByteBuffer.allocateDirect(bytes.length + 1).put(bytes);
        try {
            return linux.call(dlopen, linux.address(text), RTLD_NOW | RTLD_NOLOAD, 0, 0, 0, 0) != 0;
        } finally {
            Reference.reachabilityFence(text);
        }
    }
}
