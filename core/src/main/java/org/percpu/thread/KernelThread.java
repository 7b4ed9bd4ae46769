// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import org.jspecify.annotations.Nullable;

/** A thread of a kernel, as the kernel lists it: a kthread, or the worker of a queue. */
public interface KernelThread {
    /**
     * The full name.
     *
     * @return not cut
     */
    String name();

    /**
     * Linux's number of the thread.
     *
     * @return a positive number
     */
    int tid();

    /**
     * The platform thread under it.
     *
     * @return its placement and state
     */
    CpuThread thread();

    /**
     * What was asked for, and what the Linux kernel reports.
     *
     * @return the state now
     */
    ThreadState state();

    /**
     * What the thread sleeps on.
     *
     * @return the wait message, or null while it runs
     */
    @Nullable
    String wmesg();

    /**
     * What the thread waits for, as far as Java and this library know. A wait in the kernel, for a file or a socket, is
     * not known.
     *
     * @return the wait message in quotes; or the kernel lock, a mutex or another lock, and who holds it; null if it
     *     waits for none of these. May be stale on return
     */
    @Nullable
    String waitsFor();

    /**
     * The state of the thread as ps(1) of the BSDs shows it.
     *
     * @return LSIDL for a thread made idle and not started; LSSLEEP while it {@linkplain #waitsFor() waits}; LSZOMB
     *     when it has exited and waits to be joined; LSDEAD when it has ended; else LSRUN. May be stale on return
     */
    String stat();
}
