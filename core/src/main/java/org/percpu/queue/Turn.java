// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

/** Stands for a queue that has something to do: the item of the thread that several queues share. */
final class Turn extends Item {
    /** How a pool's thread runs its items. */
    static final class TurnCall extends Call {
        TurnCall() {}

        @Override
        public void load(Item item) {
            // The queue of a turn never changes.
        }

        @Override
        public void invoke(Item item) {
            ((Turn) item).queue.takeTurn();
        }
    }

    final PooledQueue queue;

    Turn(PooledQueue queue) {
        this.queue = queue;
    }

    @Override
    public String toString() {
        return "turn of " + queue.name();
    }
}
