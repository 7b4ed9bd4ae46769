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

    /** Links a work that is marked; false if the queue has ended. */
    boolean link(Port port) {
        long head;
        do {
            head = (long) LONG.getVolatile(memory, Memory.INBOX_HEAD);
            if (head == Memory.SHUT) {
                return false;
            }
            LONG.setOpaque(port.memory, Memory.PORT_NEXT, head);
        } while (!LONG.compareAndSet(memory, Memory.INBOX_HEAD, head, port.index + 1L));
        bell.run();
        return true;
    }

    boolean isShut() {
        return (long) LONG.getVolatile(memory, Memory.INBOX_HEAD) == Memory.SHUT;
    }

    /**
     * Whether nothing waits.
     *
     * @return history as soon as it is known
     */
    public boolean isEmpty() {
        long head = (long) LONG.getVolatile(memory, Memory.INBOX_HEAD);
        return head == 0 || head == Memory.SHUT;
    }

    /**
     * Worker: appends everything that was posted to its queue, oldest first. Allocates nothing.
     */
    public void moveAll() {
        long newest = (long) LONG.getVolatile(memory, Memory.INBOX_HEAD);
        if (newest == 0) {
            return;
        }
        do {
            newest = (long) LONG.getVolatile(memory, Memory.INBOX_HEAD);
            if (newest == 0 || newest == Memory.SHUT) {
                return;
            }
        } while (!LONG.compareAndSet(memory, Memory.INBOX_HEAD, newest, 0L));
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
     * Worker: takes nothing more.
     *
     * @return false if something waits, and then nothing has changed
     */
    public boolean close() {
        return LONG.compareAndSet(memory, Memory.INBOX_HEAD, 0L, Memory.SHUT) || isShut();
    }
}
