// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.bindings.spi.StackRoom;
import org.percpu.lwp.KernelCore;

/**
 * The thread of a system queue. It is made when a caller first asks for the queue. Many callers may ask at once. For a
 * caller that must not sleep, such as a handler, a {@link SystemThread} makes the queue's thread; tasks are queued
 * meanwhile, as in a cold kernel. If no thread can be made, the next call tries again.
 */
final class ThreadOnDemand {
    private final KernelCore kernel;
    private final String queue;
    private final Runnable list;
    private final BooleanSupplier maker;

    /** Held by the caller that makes the thread. */
    private final ReentrantLock making = new ReentrantLock();

    private volatile boolean there; // or will be when the kernel is warm
    private volatile boolean handedOver; // a thread that may sleep is about to make it

    /**
     * No thread yet.
     *
     * @param queue name of the queue
     * @param list puts the queue on the kernel's list, if it is not there
     * @param maker lists the queue and makes the thread, now or when the kernel becomes warm; false if the queue is
     *     destroyed
     */
    ThreadOnDemand(KernelCore kernel, String queue, Runnable list, BooleanSupplier maker) {
        this.kernel = kernel;
        this.queue = queue;
        this.list = list;
        this.maker = maker;
    }

    /** Makes the thread, unless there is one. */
    void ensure() {
        if (there) {
            return;
        }
        if (!kernel.boot().isCold() && !maySleep()) {
            list.run();
            handOver();
            return;
        }
        // A lock that meets the end of a stack may stay locked, and would let nobody make the thread.
        StackRoom.require();
        making.lock();
        try {
            make();
        } finally {
            making.unlock();
        }
    }

    private boolean maySleep() {
        try {
            kernel.requireSleepable(queue);
            return true;
        } catch (ErrnoException e) {
            return false;
        }
    }

    private void handOver() {
        synchronized (this) {
            if (handedOver) {
                return;
            }
            handedOver = true;
        }
        boolean started = false;
        try {
            new SystemThread(queue, this::makeLater).start(kernel.name());
            started = true;
        } finally {
            handedOver = started;
        }
    }

    /** In the {@link SystemThread}, which has only the console to report to. */
    private void makeLater() {
        making.lock();
        try {
            make();
        } catch (ErrnoException | LinuxException e) {
            kernel.reports().console(e.getMessage() + "; its tasks wait for the next call, which tries again");
        } finally {
            handedOver = false;
            making.unlock();
        }
    }

    private void make() {
        if (!there) {
            there = maker.getAsBoolean();
        }
    }
}
