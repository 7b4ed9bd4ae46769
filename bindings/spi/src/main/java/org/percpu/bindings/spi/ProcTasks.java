// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** The threads of this process as Linux shows them. */
final class ProcTasks implements Tasks {
    private static final int USUAL = 64;

    // Not static: at the end of a stack the error would ruin the class for good.
    private final Path folder = Path.of("/proc/self/task");

    ProcTasks() {}

    @Override
    public int[] all() throws IOException {
        int[] tids = new int[USUAL];
        int count = 0;
        try (DirectoryStream<Path> tasks = Files.newDirectoryStream(folder)) {
            for (Path task : tasks) {
                if (count == tids.length) {
                    tids = Arrays.copyOf(tids, count * 2);
                }
                tids[count++] = Integer.parseInt(task.getFileName().toString());
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        return Arrays.copyOf(tids, count);
    }

    @Override
    public boolean exists(int tid) {
        return Files.exists(folder.resolve(Integer.toString(tid)));
    }

    @Override
    public String read(int tid, String file) throws IOException {
        return Files.readString(folder.resolve(tid + "/" + file), StandardCharsets.ISO_8859_1);
    }
}
