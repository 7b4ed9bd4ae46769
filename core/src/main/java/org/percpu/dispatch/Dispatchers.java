// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.linux.VirtualThreads;

/** The dispatchers of all threads that have a level. */
public final class Dispatchers {
    private static final ThreadLocal<@Nullable Dispatcher> OF_THREAD = new ThreadLocal<>();

    /**
     * By the last bits of a thread's number: whether that thread, or another one with the same bits, has a level. A
     * look into a ThreadLocal would allocate a map on a thread that has none, and a thread without a level needs no
     * map. The accesses are plain: a thread that has a level has written its entry itself.
     */
    private static final boolean[] HAS_LEVEL = new boolean[1 << 12];

    /**
     * Whether any thread has a level. Plain: a thread that has one has written this itself, and others need not know.
     */
    private static boolean used;

    /** The memory of threads. The memory of a thread that is gone is reused. */
    private static final List<Place> PLACES = new ArrayList<>(); // guarded by itself

    private static final class Place {
        final ByteBuffer memory;
        WeakReference<Dispatcher> last = new WeakReference<>(null);
        int tid;

        Place(LinuxCalls linux) {
            memory = linux.allocate(Memory.RECEIVER_BYTES);
        }

        /** After a thread has left Java, the signal handler may still run on it until Linux has removed the thread. */
        boolean isGone(LinuxCalls linux) {
            Dispatcher before = last.get();
            return (before == null || (!before.isAlive() && !before.hasSources()))
                    && linux.sched_getscheduler(tid) == -Errno.ESRCH.number();
        }
    }

    private Dispatchers() {}

    /**
     * Returns the calling thread's dispatcher, and makes it at the first call.
     *
     * @return always the same object for a thread; at NONE when made
     * @throws UnsupportedOperationException on a virtual thread, or if the library does not run on this system, or the
     *     libpercpu.so that {@code -Dpercpu.library.path} names is none of this version, or {@code -Dpercpu.spl=lazy}
     *     is set and there is none
     * @throws IllegalArgumentException if {@code -Dpercpu.spl} is neither eager nor lazy
     */
    public static Dispatcher current() {
        Dispatcher dispatcher = ofThread();
        return dispatcher != null ? dispatcher : attach();
    }

    /**
     * Whether a look at the calling thread's level is worth while: false as long as no thread has ever asked for one.
     *
     * @return a plain field
     */
    public static boolean isUsed() {
        return used;
    }

    /**
     * Returns the calling thread's dispatcher, if the thread has ever asked for its level.
     *
     * @return null on threads that never asked
     */
    public static @Nullable Dispatcher currentIfUsed() {
        return used ? ofThread() : null;
    }

    static @Nullable Dispatcher ofThread() {
        return HAS_LEVEL[lastBits()] ? OF_THREAD.get() : null;
    }

    /** Does not use the identity hash: for a thread that another one joins, the hash takes 15 ns. */
    private static int lastBits() {
        return (int) Thread.currentThread().getId() & (HAS_LEVEL.length - 1);
    }

    private static Dispatcher attach() {
        VirtualThreads.refuse("an interrupt priority level");
        Support support = Support.get();
        Dispatcher dispatcher;
        synchronized (PLACES) {
            Place place = null;
            for (Place known : PLACES) {
                if (known.isGone(support.linux)) {
                    place = known;
                    break;
                }
            }
            if (place == null) {
                place = new Place(support.linux);
                PLACES.add(place);
            }
            dispatcher = new Dispatcher(support, place.memory);
            place.last = new WeakReference<>(dispatcher);
            place.tid = dispatcher.tid();
        }
        OF_THREAD.set(dispatcher);
        HAS_LEVEL[lastBits()] = true;
        used = true;
        return dispatcher;
    }
}
