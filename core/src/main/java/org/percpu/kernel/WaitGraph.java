// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.percpu.lwp.Awaiting;
import org.percpu.lwp.BigLock;

/** Which thread waits for which, at one moment. */
final class WaitGraph {
    private final BigLock lock;
    private final Map<Thread, List<Thread>> waits = new HashMap<>();

    WaitGraph(BigLock lock) {
        this.lock = lock;
    }

    /** Returns the threads for which a thread waits. */
    List<Thread> of(Thread thread) {
        List<Thread> known = waits.get(thread);
        if (known == null) {
            known = List.copyOf(Awaiting.by(thread, lock));
            waits.put(thread, known);
        }
        return known;
    }

    /**
     * Looks for a circle.
     *
     * @param from where to begin
     * @return the threads of the circle, each waiting for the next one and the last one for the first; or none
     */
    List<Thread> circle(Thread from) {
        return circle(from, new ArrayList<>(), new HashSet<>());
    }

    private List<Thread> circle(Thread thread, List<Thread> path, Set<Thread> seen) {
        int before = path.indexOf(thread);
        if (before >= 0) {
            return List.copyOf(path.subList(before, path.size()));
        }
        if (!seen.add(thread)) {
            return List.of();
        }
        path.add(thread);
        for (Thread next : of(thread)) {
            List<Thread> found = circle(next, path, seen);
            if (!found.isEmpty()) {
                return found;
            }
        }
        path.remove(path.size() - 1);
        return List.of();
    }
}
