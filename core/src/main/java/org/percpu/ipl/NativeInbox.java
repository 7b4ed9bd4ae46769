// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import static org.percpu.ipl.Memory.LONG;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The works of one queue that were posted from C or by an interrupt line, until a worker takes them: a lock-free list in native memory.
 * Part of a queue; programs use {@link NativeWork}.
 */
public final class NativeInbox {
    private final Support support = Support.get();
    // Never freed: C code that holds a handle of a closed work may still be on its way in.
    private static final List<NativeInbox> KEPT = new ArrayList<>(); // guarded by itself

    private final ByteBuffer memory = Memory.allocate(Memory.INBOX_BYTES);
    private final long address = support.linux.address(memory);
    private final Runnable bell;
    private volatile boolean ended;

    /**
     * Makes an empty inbox.
     *
     * @param bell address of the 32-bit futex word on which the workers sleep; 1 is rung. It must live as long as the process
     * @param ring rings it from Java
     */
    public NativeInbox(long bell, Runnable ring) {
        this.bell = ring;
        memory.putLong(Memory.INBOX_BELL, bell);
        synchronized (KEPT) {
            KEPT.add(this);
        }
    }

    long address() {
        return address;
    }

    private long head() {
        return (long) LONG.getVolatile(memory, Memory.INBOX_HEAD);
    }

    /**
     * Lets a poster in; false if no more are let in. The queue does not end while one is inside, who may rely on another to link the
     * work that it found marked.
     */
    boolean enter() {
        long head;
        do {
            head = head();
            if ((head & Memory.SHUT) != 0) {
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

    /** Links a work that the poster has marked, who is outside then, and rings next. */
    void linkAndLeave(Port port) {
        long head;
        long left;
        do {
            head = head();
            LONG.setOpaque(port.memory, Memory.PORT_NEXT, head & Memory.NEWEST);
            left = ((head - Memory.POSTER) & ~Memory.NEWEST) | (port.index + 1L);
        } while (!LONG.compareAndSet(memory, Memory.INBOX_HEAD, head, left));
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
     * @return history as soon as it is known
     */
    public boolean isEmpty() {
        return (head() & Memory.NEWEST) == 0;
    }

    /**
     * Worker: appends everything that was posted to its queue, oldest first. Allocates nothing.
     */
    public void moveAll() {
        if (isEmpty()) {
            return;
        }
        long newest = (long) LONG.getAndBitwiseAnd(memory, Memory.INBOX_HEAD, ~Memory.NEWEST) & Memory.NEWEST;
        long oldest = 0;
        while (newest != 0) {
            ByteBuffer port = Port.workAt(newest - 1).port().memory;
            long older = (long) LONG.getOpaque(port, Memory.PORT_NEXT);
            LONG.setOpaque(port, Memory.PORT_NEXT, oldest);
            oldest = newest;
            newest = older;
        }
        while (oldest != 0) {
            NativeWork work = Port.workAt(oldest - 1);
            // Before the work is unmarked: from then on it may be linked again.
            oldest = (long) LONG.getOpaque(work.port().memory, Memory.PORT_NEXT);
            work.arrived();
        }
    }

    /**
     * Worker: lets no poster in any more.
     *
     * @return whether nothing is left to be moved and nobody is inside. Whoever is rings when he leaves
     */
    public boolean close() {
        return ((long) LONG.getAndBitwiseOr(memory, Memory.INBOX_HEAD, Memory.SHUT) & ~Memory.SHUT) == 0;
    }

    /**
     * Whether posters are inside.
     *
     * @return false from some time after {@link #close} on
     */
    public boolean isBusy() {
        return (head() & ~Memory.SHUT) >= Memory.POSTER;
    }

    /** The workers have ended: what was not run never will be. */
    public void end() {
        ended = true;
    }
}
