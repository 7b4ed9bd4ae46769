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
 * A lock-free list in native memory. It holds the works of one queue that C code or an interrupt line has posted, until
 * a worker takes them. The inbox is part of a queue; programs use {@code NativeWork}.
 *
 * <p>Life: an inbox is open first. Then it is {@linkplain #close closed}: no further poster is let in, and the posters
 * inside still link their works. Then it is {@linkplain #end ended}: nothing is linked any more. Another queue reuses
 * the memory once the inbox has ended and every work of it is closed with no poster inside.
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

    /** The handles of each item. The map is never changed; a new one replaces it under this. */
    private volatile IdentityHashMap<Object, Posted[]> byItem = new IdentityHashMap<>();

    /**
     * Written under this. Once it is true, the memory may belong to another inbox; only posters that are inside may
     * still use it.
     */
    private volatile boolean ended;

    private boolean given; // guarded by this

    /** An error may have kept a poster from linking a work or from ringing. */
    volatile boolean owed;

    // The state of moveAll(), kept for the next call after an error; written under this.
    private volatile boolean unfinished;
    private long unturned; // a list of links, newest first
    private long oldest; // a list of links, oldest first
    private @Nullable Posted arriving;
    private boolean unmarked; // whether `arriving` is unmarked
    private boolean seeks; // whether to look for works that are not linked

    /**
     * Makes an empty inbox.
     *
     * @param bell address of the 32-bit futex word on which the workers sleep; the value 1 means rung. The word must
     *     live as long as the process, and a ring that nobody expects must do no harm
     * @param ring rings the bell from Java
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

    /** Any thread: returns the handles of an item, or null if it has none here. */
    Posted @Nullable [] handlesOf(Object item) {
        return byItem.get(item);
    }

    /**
     * Returns whether an item that has a handle here meets a condition.
     *
     * @param condition cheap
     * @return the state when the call looked
     */
    public boolean hasItem(Predicate<Object> condition) {
        Argument.requireNonNull(condition, "hasItem", "condition");
        return byItem.keySet().stream().anyMatch(condition);
    }

    /**
     * Returns the items that C code has posted and whose values no run has taken yet.
     *
     * @return the items when the call looked, once for each handle
     */
    public synchronized List<Object> posted() {
        List<Object> posted = new ArrayList<>();
        for (Posted work : works) {
            Object item = work.item();
            if (item != null && !work.port().isEmpty()) {
                posted.add(item);
            }
        }
        return posted;
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

    /** Adds a work that is being opened. Returns the address of the inbox for the work's port. */
    synchronized long add(Posted work) {
        if (ended) {
            return linux.address(Dead.MEMORY);
        }
        works.add(work);
        index();
        return linux.address(memory);
    }

    /** Removes a work that is closed, has no poster inside, and is in no list. */
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
     * Lets a poster in. Returns false if posters are refused. The queue does not end while a poster is inside: it may
     * have found the work marked and rely on the poster that marked it to link it. A queue that is dropped does not
     * wait for long.
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

    /**
     * For a poster inside: returns whether works are linked no more. Then a work that the poster has marked or has
     * found marked stays unlinked.
     */
    boolean forbidsLinks() {
        return (head() & Memory.ENDED) != 0;
    }

    /**
     * Links a work that the calling poster has marked. The poster is then outside, and must ring. Returns false if
     * works are linked no more.
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
     * Returns whether nothing waits.
     *
     * @return may be stale on return
     */
    public boolean isEmpty() {
        // `ended` is read last: once the inbox has ended, the memory may belong to another inbox and says nothing.
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
        // isEmpty() must return false until all is done, whatever the memory says.
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

    /**
     * Returns the next work to arrive: first the linked works, oldest first, then the works that an error has kept from
     * being linked.
     */
    private @Nullable Posted next() {
        if (arriving != null) {
            return arriving;
        }
        if (oldest != 0) {
            Posted work = Port.workAt(oldest - 1);
            // Read before the work is unmarked: an unmarked work may be linked again, which changes the link.
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
     * Returns whether posters are inside.
     *
     * @return false for ever once the posters inside have left after {@link #close}
     */
    public boolean isBusy() {
        return (head() & ~(Memory.SHUT | Memory.ENDED)) >= Memory.POSTER && !ended;
    }

    /**
     * Worker, or thread that drops the queue: ends the inbox. From now on nothing is linked, not even by posters that
     * are inside. Works that those posters have marked are appended to the queue instead. A work that has not run when
     * the queue is gone never runs.
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
