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
            ((Turn) item).body.run();
        }
    }

    /** The queue that it stands for. */
    final Inlet queue;

    private final Runnable body;

    Turn(Inlet queue, Runnable body) {
        this.queue = queue;
        this.body = body;
    }

    @Override
    boolean isOfUser() {
        return false;
    }

    @Override
    public String toString() {
        return "turn of " + queue.name();
    }
}
