// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The threads and queues of a kernel, until it is closed. The shutdown finds everything that was added, and everything
 * that comes after the close is refused. Both happen under one monitor, so nothing is missed.
 */
final class Registry {
    // Guarded by this.
    private final Set<Lwp> lwps = new LinkedHashSet<>();
    private final Set<KernelQueue> queues = new LinkedHashSet<>();
    /** Threads that have finished and that Linux may still have. */
    private final List<Lwp> leaving = new ArrayList<>();

    private volatile boolean closed;

    /** False if the kernel is closed; the thread is then not listed. */
    synchronized boolean add(Lwp lwp) {
        return !closed && lwps.add(lwp);
    }

    synchronized void remove(Lwp lwp) {
        if (lwps.remove(lwp)) {
            leaving.removeIf(other -> !other.thread().thread().isAlive());
            leaving.add(lwp);
        }
    }

    /** False if the kernel is closed; the queue is then not listed. */
    synchronized boolean add(KernelQueue queue) {
        return !closed && queues.add(queue);
    }

    synchronized void remove(KernelQueue queue) {
        queues.remove(queue);
    }

    /** True for the first caller. Nothing can be added from here on. */
    synchronized boolean close() {
        boolean first = !closed;
        closed = true;
        return first;
    }

    boolean isClosed() {
        return closed;
    }

    /** Ordered by thread id. */
    List<Lwp> lwps() {
        List<Lwp> copy;
        synchronized (this) {
            copy = new ArrayList<>(lwps);
        }
        copy.sort(Comparator.comparingInt(Lwp::tid));
        return copy;
    }

    /** Threads that have run to their end and may be on their way out. */
    synchronized List<Lwp> leaving() {
        return new ArrayList<>(leaving);
    }

    /** Ordered by name. */
    List<KernelQueue> queues() {
        List<KernelQueue> copy;
        synchronized (this) {
            copy = new ArrayList<>(queues);
        }
        copy.sort(Comparator.comparing(KernelQueue::name));
        return copy;
    }
}
