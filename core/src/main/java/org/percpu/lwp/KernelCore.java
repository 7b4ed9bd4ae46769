// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Lock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.StackRoom;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.LevelRules;
import org.percpu.events.Events;
import org.percpu.events.Span;
import org.percpu.events.Trace;

/**
 * The inside of a kernel: what its threads and queues may do with it, and its users may not.
 *
 * <p>All methods may be called from any thread.
 */
public final class KernelCore {
    /** What the kernel does when its core is used. */
    public interface Owner {
        /** A thread is about to be made. */
        void beforeThread();

        /** A thread or a queue is about to be listed. */
        void beforeListing();

        /**
         * A queue is on the list.
         *
         * @param queue the queue
         */
        void listed(Listing queue);
    }

    /** Set once, before there is a kernel. */
    private static volatile @Nullable Function<Object, KernelCore> opener;

    private final String name;
    private final Owner owner;
    private final Reports reports;
    private final Boot boot;
    private final Registry registry = new Registry();
    private final BigLock lock;
    private final Map<Object, Object> shared = new ConcurrentHashMap<>();

    /** Tells of the clocks of the kernel, as soon as there are any. */
    private volatile Supplier<? extends List<?>> clocks = List::of;

    /**
     * The core of a new kernel.
     *
     * @param name the kernel's name
     * @param reports where it reports
     * @param cold whether it boots first
     * @param owner what it does when the core is used
     */
    public KernelCore(String name, Reports reports, boolean cold, Owner owner) {
        this.name = name;
        this.lock = new BigLock(name);
        this.reports = reports;
        this.boot = new Boot(name, reports, cold);
        this.owner = owner;
        Awaiting.ready();
    }

    /**
     * For the class of kernels: how to get from a kernel to its core.
     *
     * @param function takes a kernel
     */
    public static void openBy(Function<Object, KernelCore> function) {
        opener = function;
    }

    /**
     * The core of a kernel.
     *
     * @param kernel any kernel
     * @return always the same
     */
    public static KernelCore of(Object kernel) {
        Function<Object, KernelCore> open = opener;
        if (open == null) {
            throw new IllegalStateException("there is no kernel yet");
        }
        return open.apply(kernel);
    }

    /**
     * The kernel's name.
     *
     * @return as given
     */
    public String name() {
        return name;
    }

    /**
     * The big lock.
     *
     * @return the kernel's
     */
    public BigLock lock() {
        return lock;
    }

    /**
     * Where the kernel reports.
     *
     * @return never throws
     */
    public Reports reports() {
        return reports;
    }

    /**
     * The kernel's boot.
     *
     * @return cold or warm
     */
    public Boot boot() {
        return boot;
    }

    /**
     * The kernel's threads and queues.
     *
     * @return the registry
     */
    public Registry registry() {
        return registry;
    }

    /**
     * Blocks with every hold of the kernel lock dropped, and takes the same number again before it returns (KL-3).
     *
     * @param wmesg what the thread's state shows meanwhile
     * @param body what blocks; it must not need the kernel lock to be held
     * @param <T> result
     * @param <X> what it may throw
     * @return what the body returns
     * @throws X what the body throws
     * @throws ErrnoException EPERM if the caller must not sleep
     * @throws StackOverflowError with the lock still held, if there is not enough room on the stack to take it again
     */
    public <T extends @Nullable Object, X extends Throwable> T sleeping(String wmesg, Blocking<T, X> body) throws X {
        requireSleepable(wmesg);
        return unlocked(wmesg, body);
    }

    /**
     * As {@link #sleeping}, for sleeps that are allowed whatever the callbacks of the thread may do.
     *
     * @param wmesg what the thread's state shows meanwhile
     * @param body what blocks
     * @param <T> result
     * @param <X> what it may throw
     * @return what the body returns
     * @throws X what the body throws
     * @throws StackOverflowError with the lock still held, if there is not enough room on the stack to take it again
     */
    public <T extends @Nullable Object, X extends Throwable> T unlocked(String wmesg, Blocking<T, X> body) throws X {
        if (lock.isHeld()) {
            StackRoom.require();
        }
        Span span = Trace.sleeps() ? Events.sleeps(wmesg) : null;
        try {
            return idle(wmesg, body);
        } finally {
            if (span != null) {
                span.end();
            }
        }
    }

    /**
     * As {@link #unlocked}, for the sleep of a worker that has nothing to run. It has its stack to itself, and no
     * recording tells of it.
     *
     * @param wmesg what the thread's state shows meanwhile
     * @param body what blocks
     * @param <T> result
     * @param <X> what it may throw
     * @return what the body returns
     * @throws X what the body throws
     */
    public <T extends @Nullable Object, X extends Throwable> T idle(String wmesg, Blocking<T, X> body) throws X {
        Lwp lwp = Lwp.current();
        int holds = lock.releaseAll();
        try {
            if (lwp != null) {
                lwp.wmesg = wmesg;
            }
            return body.block();
        } finally {
            if (lwp != null) {
                lwp.wmesg = null;
            }
            lock.restore(holds);
        }
    }

    /**
     * Checks that the calling thread may sleep (U12).
     *
     * @param wmesg what it wants to sleep on, for the message
     * @throws ErrnoException EPERM with a spin mutex held, in an interrupt handler, at a raised level, on a thread made
     *     for interrupts, or in a callback that promised not to sleep; the message says which
     */
    public void requireSleepable(String wmesg) {
        requireSleepable(wmesg, null);
    }

    /**
     * As {@link #requireSleepable(String)}, for a sleep that releases a lock first. Releasing the lock may lower the
     * level.
     *
     * @param wmesg what the caller wants to sleep on, for the message
     * @param released the lock, or null
     * @throws ErrnoException as {@link #requireSleepable(String)}
     */
    public void requireSleepable(String wmesg, @Nullable Lock released) {
        if (Dispatchers.isUsed()) {
            String why = LevelRules.whyNotSleep(released);
            if (why != null) {
                throw new ErrnoException(
                        Errno.EPERM,
                        "sleep on \"" + wmesg + "\" by "
                                + Thread.currentThread().getName() + " " + why);
            }
        }
        Lwp lwp = Lwp.current();
        if (lwp == null) {
            return;
        }
        if (lwp.is(Lwp.Flag.INTR)) {
            throw new ErrnoException(
                    Errno.EPERM,
                    "sleep on \"" + wmesg + "\" in interrupt thread " + lwp.name() + ": it must not sleep");
        }
        if (lwp.is(Lwp.Flag.CANTSLEEP)) {
            throw new ErrnoException(
                    Errno.EPERM,
                    "sleep on \"" + wmesg + "\" in a task of " + lwp.name()
                            + ": its queue was created with TASKQ_CANTSLEEP");
        }
    }

    /** A thread is about to be made. */
    void beforeThread() {
        owner.beforeThread();
    }

    /** Lists a thread until it ends; false if the kernel is closed. */
    boolean add(Lwp lwp) {
        owner.beforeListing();
        return registry.add(lwp);
    }

    /**
     * Lists a queue until it is destroyed.
     *
     * @param queue a queue whose workers are running
     * @return false if the kernel is closed; the caller that made the queue then ends it
     */
    public boolean add(Listing queue) {
        owner.beforeListing();
        if (!registry.add(queue)) {
            return false;
        }
        boolean told = false;
        try {
            owner.listed(queue);
            told = true;
        } finally {
            if (!told) {
                registry.remove(queue);
            }
        }
        return true;
    }

    /**
     * Takes a queue off the list.
     *
     * @param queue a destroyed queue
     */
    public void remove(Listing queue) {
        registry.remove(queue);
    }

    /**
     * Checks that something can still be created.
     *
     * @param what for the message
     * @throws ErrnoException ESHUTDOWN if the kernel is closed
     */
    public void requireOpen(String what) {
        if (registry.isClosed()) {
            throw closed(what);
        }
    }

    /**
     * The refusal of a closed kernel.
     *
     * @param what cannot be created
     * @return ESHUTDOWN, to be thrown
     */
    public ErrnoException closed(String what) {
        return new ErrnoException(Errno.ESHUTDOWN, "kernel " + name + " is closed: create " + what + " in another");
    }

    /**
     * An object that each kernel has once, such as a system queue.
     *
     * @param key under which the object is found
     * @param maker makes it at the first call
     * @param <T> its type
     * @return always the same for the same key
     */
    @SuppressWarnings("unchecked") // one maker for a key
    public <T> T shared(Object key, Supplier<T> maker) {
        return (T) shared.computeIfAbsent(key, k -> maker.get());
    }

    /**
     * An object of {@link #shared}, if it was made.
     *
     * @param key under which the object is found
     * @param type its type
     * @param <T> its type
     * @return null as long as nobody has asked for it
     */
    public <T> @Nullable T sharedIfMade(Object key, Class<T> type) {
        return type.cast(shared.get(key));
    }

    /**
     * For the clocks: how to learn of them.
     *
     * @param states supplies their states
     */
    public void clocksBy(Supplier<? extends List<?>> states) {
        clocks = states;
    }

    /**
     * The states of the clocks.
     *
     * @return none as long as there are no clocks
     */
    public List<?> clocks() {
        return clocks.get();
    }

    /**
     * Whether a queue is one of {@link #shared}.
     *
     * @param queue any
     * @return false for a queue that a user has created
     */
    public boolean isShared(Listing queue) {
        return shared.containsValue(queue.face());
    }
}
