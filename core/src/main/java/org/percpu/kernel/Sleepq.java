// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.dispatch.Sleep;
import org.percpu.lwp.KernelCore;
import org.percpu.lwp.WaitChannel;

/**
 * tsleep(9) and wakeup(9): sleep on any object, with the kernel lock or a mutex as the interlock.
 *
 * <p>A thread that tests its condition and calls {@link #tsleep} under the kernel lock cannot miss a wake-up that is
 * issued under it: it is on the queue before the lock is dropped.
 *
 * <p>A thread that has a level runs its interrupts while it sleeps, and their handlers may call {@link #wakeup}. The
 * rules for interlocks in {@link Condvar} hold here too.
 */
public final class Sleepq {
    /** What a sleep returns when its time is up. */
    public static final int EWOULDBLOCK = Errno.EAGAIN.number();

    private final KernelCore kernel;
    private final SleepTable channels = new SleepTable();

    Sleepq(KernelCore kernel) {
        this.kernel = kernel;
    }

    /**
     * Sleeps with every hold of the kernel lock dropped.
     *
     * @param ident the object that {@link #wakeup} will name
     * @param wmesg what the thread's state shows
     * @param timeoutNanos longest sleep in nanoseconds, 0 for ever
     * @return 0, or {@link #EWOULDBLOCK}
     * @throws ErrnoException EPERM if the caller must not sleep
     * @throws IllegalArgumentException if the time is negative
     */
    public int tsleep(Object ident, String wmesg, long timeoutNanos) {
        return sleep(ident, wmesg, timeoutNanos, null, false);
    }

    /**
     * Sleeps with a mutex as the interlock.
     *
     * @param ident the object that {@link #wakeup} will name
     * @param wmesg what the thread's state shows
     * @param timeoutNanos longest sleep in nanoseconds, 0 for ever
     * @param mutex held by the caller, free during the sleep
     * @param relock false to come back without the mutex (PNORELOCK)
     * @return 0, or {@link #EWOULDBLOCK}
     * @throws IllegalMonitorStateException if the caller does not hold a {@link org.percpu.ipl.Mutex}, or a
     *     {@link java.util.concurrent.locks.ReentrantLock} exactly once
     * @throws ErrnoException EPERM if the caller must not sleep
     * @throws IllegalArgumentException if the time is negative
     */
    public int mtsleep(Object ident, String wmesg, long timeoutNanos, Lock mutex, boolean relock) {
        Argument.requireNonNull(mutex, "mtsleep", "mutex");
        return sleep(ident, wmesg, timeoutNanos, mutex, relock);
    }

    private int sleep(Object ident, String wmesg, long nanos, @Nullable Lock mutex, boolean relock) {
        Argument.requireNonNull(ident, "tsleep", "ident");
        Argument.requireNonNull(wmesg, "tsleep", "wmesg");
        if (nanos < 0) {
            throw new IllegalArgumentException("sleep of " + nanos + " ns: must be positive, or 0 for ever");
        }
        kernel.requireSleepable(wmesg, mutex);
        if (mutex != null) {
            WaitChannel.requireHeldOnce(mutex, wmesg);
        }
        WaitChannel channel;
        Sleep sleep;
        synchronized (channels) {
            channel = channels.of(ident);
            sleep = channel.enter();
        }
        boolean released = false;
        boolean slept = false;
        try {
            if (mutex != null) {
                // Outside the monitor: a spin mutex takes the level down with it, and handlers run.
                mutex.unlock();
                released = true;
            }
            boolean inTime = kernel.sleeping(wmesg, () -> channel.await(sleep, nanos));
            slept = true;
            return inTime ? 0 : EWOULDBLOCK;
        } finally {
            try {
                if (!slept) {
                    channel.abandon(sleep);
                }
                forgetIfEmpty(ident);
            } finally {
                // With an error it comes back as it came, so that its caller can release the mutex.
                if (mutex != null && (relock || !slept)) {
                    try {
                        WaitChannel.retake(mutex, released);
                    } catch (Throwable once) {
                        WaitChannel.retake(mutex, released);
                    }
                }
            }
        }
    }

    /**
     * Wakes every thread asleep on an object.
     *
     * @param ident the object
     */
    public void wakeup(Object ident) {
        Argument.requireNonNull(ident, "wakeup", "ident");
        synchronized (channels) {
            WaitChannel channel = channels.find(ident);
            if (channel != null) {
                channel.wakeAll();
                channels.remove(ident);
            }
        }
    }

    /**
     * Wakes the thread that sleeps longest on an object.
     *
     * @param ident the object
     */
    public void wakeupOne(Object ident) {
        Argument.requireNonNull(ident, "wakeup_one", "ident");
        synchronized (channels) {
            WaitChannel channel = channels.find(ident);
            if (channel != null) {
                channel.wakeOne();
            }
        }
        forgetIfEmpty(ident);
    }

    private void forgetIfEmpty(Object ident) {
        synchronized (channels) {
            WaitChannel channel = channels.find(ident);
            if (channel != null && channel.isEmpty()) {
                channels.remove(ident);
            }
        }
    }
}
