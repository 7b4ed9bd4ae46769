// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.EnumSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.cpu.Cpu;
import org.percpu.ipl.Spl;
import org.percpu.thread.Pri;

/** A thread that sleeps until an interrupt comes, and runs it. */
final class InterruptThread {
    private final Kernel kernel;
    private final String name;
    private final CompletableFuture<Spl> attached = new CompletableFuture<>();
    private volatile boolean closed;

    @SuppressWarnings("UnusedVariable") // for the debugger
    private final Lwp lwp;

    InterruptThread(Kernel kernel, Cpu cpu) {
        this.kernel = kernel;
        this.name = "intr/" + cpu.index();
        // No call may follow: an error in it would leave a thread that no table knows.
        this.lwp = Lwp.create(
                kernel,
                kernel.thread(name, cpu, Pri.interrupt(Pri.PRI_SOFTSERIAL)),
                EnumSet.of(Lwp.Flag.INTR, Lwp.Flag.MPSAFE, Lwp.Flag.WORKER),
                this::loop);
    }

    private void loop() {
        Spl spl;
        try {
            spl = Spl.current();
        } catch (RuntimeException | Error e) {
            attached.completeExceptionally(e);
            return;
        }
        spl.onFault((line, thrown) -> kernel.fault(line.name(), line, thrown));
        attached.complete(spl);
        while (!closed) {
            try {
                int ran = spl.awaitInterrupt(LinuxCalls.FOREVER);
                assert ran >= 0;
            } catch (Throwable t) {
                // The lines of this CPU have no other thread.
                kernel.fault(name, spl, t);
            }
        }
    }

    Spl spl() {
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
        boolean runs = attached.handle((spl, thrown) -> thrown == null).join();
        if (runs) {
            spl().wakeup();
        }
    }
}
