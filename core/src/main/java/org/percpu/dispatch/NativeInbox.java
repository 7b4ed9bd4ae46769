// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import static org.percpu.dispatch.Memory.LONG;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.LinuxCalls;

/**
 * The works of one queue that were posted from C or by an interrupt line, until a worker takes them: a lock-free list
 * in native memory. Part of a queue; programs use {@code NativeWork}.
 *
 * <p>Life: open; then {@linkplain #close closed}, when no further poster is let in and those inside still link their
 * works; then {@linkplain #end ended}, when nothing is linked any more. The memory is used again for another queue when
 * the inbox has ended and every work of it is closed with no poster inside.
 */
public final class NativeInbox {
    /** Memory of inboxes whose queues have ended. */
    private static final ArrayDeque<ByteBuffer> UNUSED = new ArrayDeque<>(); // guarded by itself

    /** The inbox of works that are opened after the end of their queue: it refuses every poster. */
    private static final class Dead {
        static final ByteBuffer MEMORY = Support.get().linux.allocate(Memory.INBOX_BYTES);

        static {
            MEMORY.putLong(Memory.INBOX_HEAD, Memory.SHUT | Memory.ENDED);
        }

        private Dead() {}
    }

    private final LinuxCalls linux = Support.get().linux;
    private final ByteBuffer memory = takeMemory(linux);
    private final Runnable bell;
    private final List<Posted> works = new ArrayList<>(); // guarded by this; compared by identity

    /** The handles of each item; replaced as a whole under this. */
    private volatile IdentityHashMap<Object, Posted[]> byItem = new IdentityHashMap<>();

    /** Written under this. From then on the memory may be another inbox's, but for posters that are inside. */
    private volatile boolean ended;

    private boolean given; // guarded by this

    /** An error may have kept a poster from linking a work or from ringing. */
    volatile boolean owed;

    // What moveAll() has in its hands; written under this.
    private volatile boolean unfinished;
    private long unturned; // a list, newest first
    private long oldest; // a list, oldest first
    private @Nullable Posted arriving;
    private boolean unmarked; // the one that arrives
    private boolean seeks; // works that are not linked

    /**
     * Makes an empty inbox.
     *
     * @param bell address of the 32-bit futex word on which the workers sleep; 1 is rung. It must live as long as the
     *     process, and a ring that nobody expects must do no harm
     * @param ring rings it from Java
     */
    public NativeInbox(long bell, Runnable ring) {
        this.bell = Argument.requireNonNull(ring, "an inbox", "ring");
        LONG.setVolatile(memory, Memory.INBOX_BELL, bell);
        LONG.setVolatile(memory, Memory.INBOX_HEAD, 0L);
    }

    private static ByteBuffer takeMemory(LinuxCalls linux) {
        synchronized (UNUSED) {
            ByteBuffer unused = UNUSED.poll();
            return unused != null ? unused : linux.allocate(Memory.INBOX_BYTES);
        }
    }

    /** Any thread: the handles of an item; null if it has none here. */
    Posted @Nullable [] handlesOf(Object item) {
        return byItem.get(item);
    }

    /**
     * Whether an item that has a handle here meets a condition.
     *
     * @param condition cheap
     * @return the state when the call looked
     */
    public boolean hasItem(Predicate<Object> condition) {
        Argument.requireNonNull(condition, "hasItem", "condition");
        return byItem.keySet().stream().anyMatch(condition);
    }

    private void index() {
        IdentityHashMap<Object, Posted[]> index = new IdentityHashMap<>();
        for (Posted work : works) {
            Object item = work.item();
            if (item != null) {
                index.merge(item, new Posted[] {work}, NativeInbox::join);
            }
        }
        byItem = index;
    }

    private static Posted[] join(Posted[] some, Posted[] more) {
        Posted[] all = Arrays.copyOf(some, some.length + more.length);
        System.arraycopy(more, 0, all, some.length, more.length);
        return all;
    }

    /** A work is opened here; the address for its port. */
    synchronized long add(Posted work) {
        if (ended) {
            return linux.address(Dead.MEMORY);
        }
        works.add(work);
        index();
        return linux.address(memory);
    }

    /** A work is closed, no poster is inside it, and it is in no list. */
    synchronized void remove(Posted work) {
        works.remove(work);
        index();
        giveMemoryBack();
    }

    private void giveMemoryBack() {
        if (ended && works.isEmpty() && !given) {
            given = true;
            synchronized (UNUSED) {
                UNUSED.add(memory);
            }
        }
    }

    private long head() {
        return (long) LONG.getVolatile(memory, Memory.INBOX_HEAD);
    }

    /**
     * Lets a poster in; false if no more are let in. The queue does not end while a poster is inside: it may have found
     * the work marked and rely on the poster that marked it to link it. A queue that is dropped does not wait for long.
     */
    boolean enter() {
        long head;
        do {
            head = head();
            if (ended || (head & Memory.SHUT) != 0) {
                return false;
            }
        } while (!LONG.compareAndSet(memory, Memory.INBOX_HEAD, head, head + Memory.POSTER));
        return true;
    }

    void leave() {
        long head = (long) LONG.getAndAdd(memory, Memory.INBOX_HEAD, -Memory.POSTER);
        if ((head & Memory.SHUT) != 0) {
            bell.run();
        }
    }

    /** Poster, inside: whether a work that it finds marked, or has marked, is linked no more. */
    boolean forbidsLinks() {
        return (head() & Memory.ENDED) != 0;
    }

    /**
     * Links a work that the poster has marked, who is outside then, and rings next. False if nothing is linked any
     * more.
     */
    boolean linkAndLeave(Port port) {
        long head;
        long left;
        do {
            head = head();
            if ((head & Memory.ENDED) != 0) {
                return false;
            }
            LONG.setOpaque(port.memory, Memory.PORT_NEXT, head & Memory.NEWEST);
            left = ((head - Memory.POSTER) & ~Memory.NEWEST) | (port.index + 1L);
        } while (!LONG.compareAndSet(memory, Memory.INBOX_HEAD, head, left));
        return true;
    }

    void ring() {
        bell.run();
    }

    boolean hasEnded() {
        return ended;
    }

    /**
     * Whether nothing waits.
     *
     * @return may be stale on return
     */
    public boolean isEmpty() {
        // In this order: once it has ended, the memory says nothing.
        return ((head() & Memory.NEWEST) == 0 && !owed && !unfinished) || ended;
    }

    /**
     * Worker: appends everything that was posted to its queue, oldest first. Allocates nothing. An error leaves the
     * rest to the next call.
     */
    public synchronized void moveAll() {
        if (isEmpty()) {
            return;
        }
        // Until all is done there is more to do, whatever the memory says.
        unfinished = true;
        if (owed) {
            seeks = true;
            owed = false;
        }
        if (unturned == 0 && oldest == 0) {
            unturned = (long) LONG.getAndBitwiseAnd(memory, Memory.INBOX_HEAD, ~Memory.NEWEST) & Memory.NEWEST;
        }
        while (unturned != 0) {
            ByteBuffer port = Port.workAt(unturned - 1).port().memory;
            long older = (long) LONG.getOpaque(port, Memory.PORT_NEXT);
            LONG.setOpaque(port, Memory.PORT_NEXT, oldest);
            oldest = unturned;
            unturned = older;
        }
        for (Posted work = next(); work != null; work = next()) {
            if (!unmarked) {
                work.unmark();
                unmarked = true;
            }
            work.arrived();
            arriving = null;
        }
        unfinished = false;
    }

    /** The next work to arrive, oldest first, and then those that an error has kept from being linked. */
    private @Nullable Posted next() {
        if (arriving != null) {
            return arriving;
        }
        if (oldest != 0) {
            Posted work = Port.workAt(oldest - 1);
            // Before the work is unmarked: from then on it may be linked again.
            oldest = (long) LONG.getOpaque(work.port().memory, Memory.PORT_NEXT);
            unmarked = false;
            arriving = work;
            return work;
        }
        for (int i = 0; seeks && i < works.size(); i++) {
            Posted work = works.get(i);
            if (work.takesUnlinked()) {
                unmarked = false;
                arriving = work;
                return work;
            }
        }
        seeks = false;
        return null;
    }

    /**
     * Worker: lets no poster in any more.
     *
     * @return true if the inbox is empty and no poster is inside. The last poster to leave rings the bell
     */
    public synchronized boolean close() {
        if (ended) {
            return true;
        }
        long head = (long) LONG.getAndBitwiseOr(memory, Memory.INBOX_HEAD, Memory.SHUT);
        return (head & ~Memory.SHUT) == 0 && !owed && !unfinished;
    }

    /**
     * Whether posters are inside.
     *
     * @return false from some time after {@link #close} on
     */
    public boolean isBusy() {
        return (head() & ~(Memory.SHUT | Memory.ENDED)) >= Memory.POSTER && !ended;
    }

    /**
     * Worker or dropper: nothing is linked from now on, also by posters that are inside; works that these have marked
     * are appended to the queue instead. What was not run when the queue is gone never will be.
     *
     * @return false if something is linked, which must be {@linkplain #moveAll moved} first
     */
    public boolean end() {
        synchronized (this) {
            if (ended) {
                return true;
            }
            long head;
            do {
                head = head();
                if ((head & Memory.NEWEST) != 0 || owed || unfinished) {
                    return false;
                }
            } while (!LONG.compareAndSet(memory, Memory.INBOX_HEAD, head, head | Memory.SHUT | Memory.ENDED));
            for (Posted work : works) {
                work.reclaim();
            }
            ended = true;
            giveMemoryBack();
        }
        ClosedWorks.settle();
        return true;
    }
}
