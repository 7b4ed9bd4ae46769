// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.percpu.events.Events;

/**
 * The threads and queues of a kernel, until it is closed. The shutdown finds everything that was added, and everything
 * that comes after the close is refused. Both happen under one monitor, so nothing is missed.
 */
public final class Registry {
    // Guarded by this.
    private final Set<Lwp> lwps = new LinkedHashSet<>();
    private final Set<Listing> queues = new LinkedHashSet<>();
    /** Threads that have finished and that Linux may still have. */
    private final List<Lwp> leaving = new ArrayList<>();

    private volatile boolean closed;

    Registry() {}

    /** False if the kernel is closed; the thread is then not listed. */
    synchronized boolean add(Lwp lwp) {
        return !closed && lwps.add(lwp);
    }

    synchronized void remove(Lwp lwp) {
        if (lwps.remove(lwp)) {
            leaving.removeIf(other -> !other.thread().thread().isAlive());
            leaving.add(lwp);
            tell(lwp, "exited");
        }
    }

    /** Tells a recording of the state that a thread has reached. */
    void tell(Lwp lwp, String state) {
        Events.thread(lwp.name(), lwp.tid(), null, state);
    }

    /** False if the kernel is closed; the queue is then not listed. */
    synchronized boolean add(Listing queue) {
        return !closed && queues.add(queue);
    }

    synchronized void remove(Listing queue) {
        queues.remove(queue);
    }

    /**
     * Takes queues off the list.
     *
     * @param ended destroyed queues
     */
    public synchronized void removeAll(List<Listing> ended) {
        queues.removeAll(ended);
    }

    /** Closes the registry: nothing can be added from here on. */
    public synchronized void close() {
        closed = true;
    }

    /**
     * Whether the kernel is shut down or being shut down.
     *
     * @return true from the first {@link #close} on
     */
    public boolean isClosed() {
        return closed;
    }

    /**
     * The threads alive, workers of queues included.
     *
     * @return a copy, ordered by thread id
     */
    public List<Lwp> lwps() {
        List<Lwp> copy;
        synchronized (this) {
            copy = new ArrayList<>(lwps);
        }
        copy.sort(Comparator.comparingInt(Lwp::tid));
        return copy;
    }

    /**
     * Threads that have run to their end and may be on their way out.
     *
     * @return a copy
     */
    public synchronized List<Lwp> leaving() {
        return new ArrayList<>(leaving);
    }

    /**
     * The queues created and not destroyed.
     *
     * @return a copy, ordered by name
     */
    public List<Listing> queues() {
        List<Listing> copy;
        synchronized (this) {
            copy = new ArrayList<>(queues);
        }
        copy.sort(Comparator.comparing(Listing::name));
        return copy;
    }
}
