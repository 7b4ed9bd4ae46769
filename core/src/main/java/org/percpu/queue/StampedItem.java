// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

/** An item that can keep the time of its enqueue, in 4 bytes more. */
public abstract class StampedItem extends Item {
    private int stamp;

    /** For subclasses of the manual pages' packages. */
    protected StampedItem() {}

    @Override
    protected final void stamp(int time) {
        stamp = time;
    }

    @Override
    protected final int takeStamp() {
        int time = stamp;
        stamp = 0;
        return time;
    }
}
