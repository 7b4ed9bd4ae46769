// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.dispatch.Sleep;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.WaitChannel;

/**
 * condvar(9): sleep with an interlock and with the kernel lock dropped (KL-3).
 *
 * <p>On waking, the kernel lock is retaken first and the interlock second. Check the condition again after every wait:
 * it may have changed while the thread slept, and so may everything that the kernel lock protects (KL-5).
 *
 * <p>A thread that has a level runs its interrupts while it sleeps, and their handlers may signal the condition. The
 * thread also runs its interrupts while it waits for an interlock that is a {@link org.percpu.ipl.Mutex}. A wait for a
 * {@link ReentrantLock} cannot be left for that: interrupts then wait until the holder releases the lock.
 */
public final class Condvar {
    private final KernelCore kernel;
    private final String wmesg;
    private final WaitChannel channel = new WaitChannel();

    /**
     * cv_init.
     *
     * @param kernel whose lock is dropped while waiting
     * @param wmesg what a waiting thread's state shows
     */
    public Condvar(Kernel kernel, String wmesg) {
        this.kernel = Argument.requireNonNull(kernel, "cv_init", "kernel").core();
        this.wmesg = Argument.requireNonNull(wmesg, "cv_init", "wmesg");
    }

    /**
     * cv_wait: sleeps until signalled. {@link Thread#interrupt} does not end it.
     *
     * @param interlock held once by the caller; free while it sleeps, held again on return
     * @throws IllegalMonitorStateException if the caller does not hold a {@link org.percpu.ipl.Mutex}, or a
     *     {@link ReentrantLock} exactly once
     * @throws ErrnoException EPERM if the caller must not sleep
     */
    public void await(Lock interlock) {
        sleep(interlock, 0);
    }

    /**
     * cv_timedwait: sleeps until signalled or the time is up.
     *
     * @param interlock held once by the caller; free while it sleeps, held again on return
     * @param time longest sleep, positive
     * @param unit of the time
     * @return false if the time ran out (EWOULDBLOCK in C)
     * @throws IllegalArgumentException if the time is not positive
     * @throws IllegalMonitorStateException if the caller does not hold a {@link org.percpu.ipl.Mutex}, or a
     *     {@link ReentrantLock} exactly once
     * @throws ErrnoException EPERM if the caller must not sleep
     */
    public boolean await(Lock interlock, long time, TimeUnit unit) {
        Argument.requireNonNull(interlock, "cv_timedwait", "interlock");
        Argument.requireNonNull(unit, "cv_timedwait", "unit");
        if (time <= 0) {
            throw new IllegalArgumentException("wait of " + time + " " + unit + ": must be positive");
        }
        return sleep(interlock, unit.toNanos(time));
    }

    private boolean sleep(Lock interlock, long nanos) {
        Argument.requireNonNull(interlock, "cv_wait", "interlock");
        kernel.requireSleepable(wmesg, interlock);
        WaitChannel.requireHeldOnce(interlock, wmesg);
        // Before the interlock is released, so that no wake-up issued under it is missed.
        Sleep sleep = channel.enter();
        boolean released = false;
        boolean slept = false;
        try {
            interlock.unlock();
            released = true;
            boolean inTime = kernel.sleeping(wmesg, () -> channel.await(sleep, nanos));
            slept = true;
            return inTime;
        } finally {
            try {
                if (!slept) {
                    channel.abandon(sleep);
                }
            } finally {
                try {
                    WaitChannel.retake(interlock, released);
                } catch (Throwable once) {
                    WaitChannel.retake(interlock, released);
                }
            }
        }
    }

    /** cv_signal: wakes the thread that waits longest, if any. */
    public void signal() {
        channel.wakeOne();
    }

    /** cv_broadcast: wakes every waiting thread. */
    public void broadcast() {
        channel.wakeAll();
    }

    /**
     * cv_has_waiters.
     *
     * @return true if a thread waits; may be stale on return
     */
    public boolean hasWaiters() {
        return !channel.isEmpty();
    }
}
