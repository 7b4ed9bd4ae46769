// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Native memory shared with libpercpu: the layouts of native/src/internal.h, by byte offset. */
public final class Memory {
    /** As PERCPU_ABI. */
    static final long ABI = 0x5043_5055_0000_0006L;

    static final int RECEIVER_BYTES = 64;
    static final int LEVEL = 0;
    static final int PENDING = 4;
    static final int DEFERRED = 8;
    static final int BELL = 16;
    static final int TID = 20;
    static final int DEFERRALS = 24;
    static final int SPILLED = 32;
    static final int DOOR = 40;
    static final int THREAD = 48;
    static final int MASKS = 56;

    /** Bit 0 of PENDING, which level 0 does not need: signals are blocked that the level does not mask. */
    static final int REMASK = 1;

    static final int INBOX_BYTES = 64;
    static final int INBOX_HEAD = 0;
    static final int INBOX_BELL = 8;

    /** In INBOX_HEAD: the newest work. */
    static final long NEWEST = 0xffff_ffffL;

    /** In INBOX_HEAD: one poster that is inside. */
    static final long POSTER = NEWEST + 1;

    /** In INBOX_HEAD: the queue has ended; even a poster inside must not link any more. */
    static final long ENDED = 1L << 61;

    /** In INBOX_HEAD: no poster is let in any more. */
    static final long SHUT = 1L << 62;

    /** The number of waiting values at which callers are refused. */
    public static final int VALUES = 1024;

    /** The number of slots. The second half is for signals, whose senders cannot be refused. */
    static final int SLOTS = 2 * VALUES;

    static final int PORTS = 4096;
    static final int PORT_HANDLE = 0;
    static final int PORT_ACTIVE = 8;
    public static final int PORT_RECEIVER = 16;
    static final int PORT_INBOX = 24;
    public static final int PORT_RANK = 32;
    static final int PORT_INDEX = 40;
    public static final int PORT_BOUND = 48;
    static final int PORT_NEXT = 56;
    static final int PORT_PENDING = 64;
    static final int PORT_SPILLED = 72;
    public static final int PORT_RECEIVED = 80;
    public static final int PORT_OVERRUNS = 88;
    public static final int PORT_SPILLS = 96;
    public static final int PORT_LOST = 104;
    static final int PORT_GENERATION = 112;
    static final int PORT_REFUSED = 120;
    static final int PORT_TAIL = 128;
    static final int PORT_HEAD = 192;
    static final int PORT_SLOTS = 256;
    static final int SLOT_BYTES = 16;
    static final int PORT_BYTES = PORT_SLOTS + SLOT_BYTES * SLOTS;

    static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());
    static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private Memory() {}
}
