// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.cpu.Cpu;
import org.percpu.intr.Receiver;
import org.percpu.lwp.KernelCore;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Pri;
import org.percpu.thread.Sched;

/** The interrupt threads of a kernel, one for each CPU that was asked for. */
final class InterruptThreads {
    /** Describes a thread with the kernel's policies. */
    @FunctionalInterface
    interface Threads {
        CpuThread.Builder thread(String name, Cpu cpu, Sched sched);
    }

    private final KernelCore kernel;
    private final Threads threads;
    private final Map<Integer, InterruptThread> byCpu = new ConcurrentHashMap<>();

    InterruptThreads(KernelCore kernel, Threads threads) {
        this.kernel = kernel;
        this.threads = threads;
    }

    /** The thread of a CPU that the kernel has. */
    Receiver of(Cpu cpu) {
        kernel.requireOpen("an interrupt thread");
        if (kernel.boot().isCold()) {
            throw new ErrnoException(
                    Errno.EAGAIN,
                    "interrupts of " + cpu + ": kernel " + kernel.name()
                            + " runs no threads before it is warm: call warm first");
        }
        InterruptThread thread = byCpu.computeIfAbsent(cpu.id(), id -> make(cpu));
        if (kernel.registry().isClosed()) {
            // The shutdown may have looked at the table before this thread was in it.
            thread.close();
            throw kernel.closed("an interrupt thread");
        }
        try {
            return thread.receiver();
        } catch (RuntimeException e) {
            // The next call tries again.
            byCpu.remove(cpu.id(), thread);
            throw e;
        }
    }

    private InterruptThread make(Cpu cpu) {
        String name = "intr/" + cpu.index();
        return new InterruptThread(kernel, name, threads.thread(name, cpu, Pri.interrupt(Pri.PRI_SOFTSERIAL)));
    }

    void close() {
        byCpu.values().forEach(InterruptThread::close);
    }
}
