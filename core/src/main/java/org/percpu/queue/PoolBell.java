// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** The bell of a queue that shares its thread: a ring appends the queue's {@link Turn} to the thread's queue. */
final class PoolBell extends Doorbell {
    private static final ByteBuffer NO_WORD = ByteBuffer.allocate(0);

    private @Nullable PoolThread thread;
    private @Nullable Turn turn;

    PoolBell() {
        super(NO_WORD);
    }

    /** Called once, before anyone can ring. */
    void connect(PoolThread thread, Turn turn) {
        this.thread = thread;
        this.turn = turn;
    }

    /** The word on which the thread sleeps. When C code has rung it, the thread looks what its queues have. */
    @Override
    long address() {
        PoolThread sleeper = thread;
        if (sleeper == null) {
            throw new IllegalStateException("a queue without a thread");
        }
        return sleeper.doorbell.address();
    }

    @Override
    void ring() {
        PoolThread sleeper = thread;
        Turn mine = turn;
        if (sleeper == null || mine == null) {
            return;
        }
        try {
            owed = false;
            // Refused if the thread has ended, which it does after its queues.
            Append unused = sleeper.append(mine);
        } catch (Throwable t) {
            owed = true;
            throw t;
        }
    }
}
