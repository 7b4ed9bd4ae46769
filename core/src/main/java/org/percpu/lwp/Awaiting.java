// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.dispatch.Turnstile;

/** Which thread waits for which: for the watch that looks for threads in a circle, and for dumps. */
public final class Awaiting {
    private static final Map<Thread, Supplier<? extends Collection<Thread>>> WAITS = new ConcurrentHashMap<>();

    private Awaiting() {}

    /** Initialises this class, so that a wait at the end of a stack need not. */
    static void ready() {}

    /**
     * The caller begins to wait for other threads.
     *
     * @param threads tells which they are, at any moment of the wait; called by other threads
     */
    public static void begin(Supplier<? extends Collection<Thread>> threads) {
        WAITS.put(Thread.currentThread(), threads);
    }

    /** The wait of the caller is over. Never throws. */
    public static void end() {
        try {
            WAITS.remove(Thread.currentThread());
        } catch (Throwable t) {
            // Stack or memory ran out. A dump may show a wait too many, until the next wait of this thread.
        }
    }

    /**
     * The threads for which a thread waits, as far as this library knows: the holder of the kernel lock or a mutex, the
     * workers of a queue, a thread that is to end.
     *
     * @param thread any
     * @param lock the kernel lock
     * @return none if it waits for nothing, or for nobody in particular; the state when the call looked
     */
    public static Collection<Thread> by(Thread thread, BigLock lock) {
        if (lock.isAwaitedBy(thread)) {
            return orNone(lock.holder());
        }
        if (LockSupport.getBlocker(thread) instanceof Turnstile turnstile && turnstile.isAwaitedBy(thread)) {
            return orNone(turnstile.holder());
        }
        Supplier<? extends Collection<Thread>> threads = WAITS.get(thread);
        return threads == null ? List.of() : threads.get();
    }

    private static List<Thread> orNone(@Nullable Thread holder) {
        return holder == null ? List.of() : List.of(holder);
    }
}
