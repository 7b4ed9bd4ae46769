// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.netbsd;

import org.percpu.queue.Item;
import org.percpu.queue.Names;

/**
 * {@code struct work} of workqueue(9): the link by which a caller's object hangs on a workqueue (NWQ-1).
 *
 * <p>Extend it with the data of the work, as a driver embeds the struct in its own. The object belongs to the caller:
 * the queue allocates nothing for it and does not look at it again once its callback has started. So the callback may
 * enqueue it again, change it or drop it (NWQ-12).
 */
public class Work extends Item {
    /** A work that is not pending. */
    public Work() {}

    /** For messages: the name of the class. */
    @Override
    public String toString() {
        return Names.of("work", null, this, Work.class);
    }
}
