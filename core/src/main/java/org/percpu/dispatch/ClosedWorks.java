// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Closed works whose memory cannot be reused yet: a poster is inside, or their run is still to come. */
public final class ClosedWorks {
    private static final Set<Posted> CLOSED = ConcurrentHashMap.newKeySet();

    private ClosedWorks() {}

    static void add(Posted work) {
        CLOSED.add(work);
    }

    static void remove(Posted work) {
        CLOSED.remove(work);
    }

    /** Looks again at all of them. Their posters may have left meanwhile, and their queues may have ended. */
    public static void settle() {
        for (Posted work : CLOSED) {
            work.settle();
        }
    }
}
