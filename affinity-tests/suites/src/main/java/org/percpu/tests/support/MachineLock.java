// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Lets the test classes of several JVMs run side by side, and those that are {@link Alone} with no other. JUnit loads it as a service. A
 * class holds a lock on one file while it runs: a shared lock, or an exclusive one if it is {@code Alone}. A JVM runs its classes one after
 * the other, so one lock for each JVM is enough; nested classes run under the lock of the outermost.
 */
public final class MachineLock implements BeforeAllCallback, AfterAllCallback {
    private static final Path FILE = Path.of(System.getProperty("java.io.tmpdir"), "percpu-suites.lock");

    /** For the service loader. */
    public MachineLock() {}

    @Override
    public void beforeAll(ExtensionContext context) throws IOException {
        if (isNested(context)) {
            return;
        }
        FileChannel channel;
        try {
            channel = FileChannel.open(
                    FILE, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        } catch (IOException e) {
            System.out.println(
                    "the classes of this JVM run beside all others: " + FILE + " cannot be opened (" + e + ")");
            return;
        }
        boolean alone = context.getRequiredTestClass().isAnnotationPresent(Alone.class);
        FileLock lock = channel.lock(0, Long.MAX_VALUE, !alone);
        store(context).put(MachineLock.class, lock);
    }

    @Override
    public void afterAll(ExtensionContext context) throws IOException {
        FileLock lock = isNested(context) ? null : store(context).remove(MachineLock.class, FileLock.class);
        if (lock != null) {
            lock.acquiredBy().close();
        }
    }

    private static boolean isNested(ExtensionContext context) {
        return context.getRequiredTestClass().getEnclosingClass() != null;
    }

    private static ExtensionContext.Store store(ExtensionContext context) {
        return context.getStore(ExtensionContext.Namespace.create(MachineLock.class));
    }
}
