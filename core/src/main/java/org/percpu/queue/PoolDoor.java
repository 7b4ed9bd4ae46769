// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/**
 * The door of a thread that several queues share. C code posts to the queues, each of which has a native inbox, and
 * rings the thread's bell. So the thread looks into these inboxes when it looks for turns.
 */
final class PoolDoor extends NativeDoor {
    private final Set<PooledQueue> queues = Collections.newSetFromMap(new IdentityHashMap<>()); // guarded by doorbell

    /** Those of the queues that C code may post to. Another array replaces this one. */
    private volatile PooledQueue[] posted = {};

    /** True if an error has ended a turn before its time. Only the thread uses it. It is set without a call. */
    boolean again;

    PoolDoor() {
        super(new Doorbell());
    }

    void add(PooledQueue queue) {
        synchronized (doorbell) {
            queues.add(queue);
        }
    }

    /** Returns true if this was the last queue. */
    boolean remove(PooledQueue queue) {
        synchronized (doorbell) {
            posted = Arrays.stream(posted).filter(other -> other != queue).toArray(PooledQueue[]::new);
            return queues.remove(queue) && queues.isEmpty();
        }
    }

    /** Thread: C code may post to a queue from now on. The thread looks into its inbox afterwards. */
    void listen(PooledQueue queue) {
        synchronized (doorbell) {
            PooledQueue[] more = Arrays.copyOf(posted, posted.length + 1);
            more[posted.length] = queue;
            posted = more;
        }
    }

    @Override
    void take() {
        if (again) {
            synchronized (doorbell) {
                queues.forEach(queue -> queue.doorbell.ring());
            }
            again = false;
        }
        for (PooledQueue queue : posted) {
            if (queue.wasPosted()) {
                queue.doorbell.ring();
            }
        }
    }
}
