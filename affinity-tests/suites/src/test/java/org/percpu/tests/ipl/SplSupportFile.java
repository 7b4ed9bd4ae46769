// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import org.percpu.ipl.Spl;

/** The libpercpu.so of the jar, as a file. */
final class SplSupportFile {
    private SplSupportFile() {}

    /** In a folder of its own, which goes with the process. */
    static Path copied() {
        try {
            Path folder = Files.createTempDirectory("percpu-test");
            Path file = copiedTo(folder);
            folder.toFile().deleteOnExit();
            file.toFile().deleteOnExit();
            return file;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    static Path copiedTo(Path folder) throws IOException {
        Path file = folder.resolve("libpercpu.so");
        String arch = System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";
        try (var in = Spl.class.getResourceAsStream("/org/percpu/dispatch/native/linux-" + arch + "/libpercpu.so")) {
            Files.copy(Objects.requireNonNull(in), file, StandardCopyOption.REPLACE_EXISTING);
        }
        return file;
    }
}
