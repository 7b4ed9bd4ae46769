// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import org.percpu.events.Trace;
import org.percpu.queue.Item;

/** A Runnable on its way through a queue. */
class Execution extends Item {
    final Runnable command;

    Execution(Runnable command) {
        this.command = command;
    }

    /** Returns an item for one run; it is 8 bytes larger while somebody wants to know how long items wait. */
    static Execution of(Runnable command) {
        return Trace.stamps() ? new Stamped(command) : new Execution(command);
    }

    @Override
    public String toString() {
        return String.valueOf(command);
    }

    private static final class Stamped extends Execution {
        private int stamp;

        Stamped(Runnable command) {
            super(command);
        }

        @Override
        protected void stamp(int time) {
            stamp = time;
        }

        @Override
        protected int takeStamp() {
            return stamp;
        }
    }
}
