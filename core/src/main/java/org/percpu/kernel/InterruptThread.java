// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.EnumSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.intr.Receiver;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.Lwp;
import org.percpu.lwp.Reports;
import org.percpu.thread.CpuThread;

/** A thread that sleeps until an interrupt comes, and runs it. */
final class InterruptThread {
    private final Reports reports;
    private final String name;
    private final CompletableFuture<Receiver> attached = new CompletableFuture<>();
    private volatile boolean closed;

    @SuppressWarnings("UnusedVariable") // for the debugger
    private final Lwp lwp;

    /**
     * Makes the thread.
     *
     * @param thread its name, CPU and scheduling
     */
    InterruptThread(KernelCore kernel, String name, CpuThread.Builder thread) {
        this.reports = kernel.reports();
        this.name = name;
        // No call may follow: an error in it would leave a thread that no table knows.
        this.lwp = Lwp.create(kernel, thread, EnumSet.of(Lwp.Flag.INTR, Lwp.Flag.MPSAFE, Lwp.Flag.WORKER), this::loop);
    }

    private void loop() {
        Receiver receiver;
        try {
            receiver = Receiver.current();
        } catch (RuntimeException | Error e) {
            attached.completeExceptionally(e);
            return;
        }
        receiver.onFault((line, thrown) -> reports.fault(line.name(), line, thrown));
        attached.complete(receiver);
        while (!closed) {
            try {
                int ran = receiver.awaitInterrupt(LinuxCalls.FOREVER);
                assert ran >= 0;
            } catch (Throwable t) {
                // The lines of this CPU have no other thread.
                reports.fault(name, receiver, t);
            }
        }
    }

    Receiver receiver() {
        try {
            return attached.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    /** A thread that got no level has ended. */
    void close() {
        closed = true;
        boolean runs = attached.handle((receiver, thrown) -> thrown == null).join();
        if (runs) {
            receiver().wakeup();
        }
    }
}
