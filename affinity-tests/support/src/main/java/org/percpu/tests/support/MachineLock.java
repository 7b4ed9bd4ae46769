// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.io.IOException;
import java.nio.channels.Channel;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
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

    /** Held by a class that waits to be alone. */
    private static final Path TURN = FILE.resolveSibling("percpu-suites.turn");

    /** For the service loader. */
    public MachineLock() {}

    @Override
    public void beforeAll(ExtensionContext context) throws IOException {
        if (isNested(context)) {
            return;
        }
        boolean alone = context.getRequiredTestClass().isAnnotationPresent(Alone.class);
        try {
            FileLock lock = alone ? alone() : lock(FILE, true);
            store(context).put(MachineLock.class, lock);
        } catch (IOException e) {
            System.out.println("the classes of this JVM run beside all others: " + e);
        }
    }

    /**
     * For what runs beside the suites and is no test: the machine is not used by a class that is {@link Alone} until the result is closed.
     * One that waits goes first.
     *
     * @return closed to give the lock back
     * @throws IOException if there is no lock to be had
     */
    public static Channel share() throws IOException {
        try (Channel turn = lock(TURN, true).acquiredBy()) {
            assert turn.isOpen();
            return lock(FILE, true).acquiredBy();
        }
    }

    private static FileLock alone() throws IOException {
        try (Channel turn = lock(TURN, false).acquiredBy()) {
            assert turn.isOpen();
            return lock(FILE, false);
        }
    }

    private static FileLock lock(Path file, boolean shared) throws IOException {
        return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)
                .lock(0, Long.MAX_VALUE, shared);
    }

    /**
     * Runs a program under {@link #share}, to the end of this JVM.
     *
     * @param args the class with its {@code main}, and its arguments
     * @throws Exception that of the program
     */
    public static void main(String[] args) throws Exception {
        Channel shared = share();
        Class.forName(args[0]).getMethod("main", String[].class).invoke(null, (Object)
                Arrays.copyOfRange(args, 1, args.length));
        shared.close();
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
