// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.jspecify.annotations.Nullable;

/** An item that can be taken out of the middle of a queue. */
public abstract class LinkedItem extends Item {
    /** Predecessor in the ready list, under the queue's lock. */
    @Nullable
    LinkedItem prev;

    /** For subclasses of the manual pages' packages. */
    protected LinkedItem() {}
}
