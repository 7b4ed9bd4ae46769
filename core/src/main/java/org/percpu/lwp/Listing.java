// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.function.Supplier;

/** A queue on the list of its kernel: what the kernel does with it, beside what users may do. */
public final class Listing {
    private final String name;
    private final Object face;
    private final Supplier<? extends QueueEnd> end;
    private final Runnable followCpus;

    /**
     * An entry, not yet on the list.
     *
     * @param name of the queue
     * @param face the queue as users know it
     * @param end makes an end that has not begun
     * @param followCpus makes a worker for each CPU of the kernel that has none yet, if this is a queue with a worker
     *     for each CPU. It is called when a CPU has come, and again if the call fails
     */
    public Listing(String name, Object face, Supplier<? extends QueueEnd> end, Runnable followCpus) {
        this.name = name;
        this.face = face;
        this.end = end;
        this.followCpus = followCpus;
    }

    /**
     * The queue's full name.
     *
     * @return as given at creation
     */
    public String name() {
        return name;
    }

    /**
     * The queue as users know it.
     *
     * @return always the same object
     */
    public Object face() {
        return face;
    }

    /**
     * The end of the queue in steps, which a shutdown takes for all queues together.
     *
     * @return an end that has not begun
     */
    public QueueEnd end() {
        return end.get();
    }

    /** Makes the workers for CPUs that have come. */
    public void followCpus() {
        followCpus.run();
    }
}
