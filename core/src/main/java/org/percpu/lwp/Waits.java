// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** What a thread waits for outside the library's own sleeps. */
final class Waits {
    private Waits() {}

    static @Nullable String of(Thread thread, BigLock lock) {
        if (lock.isAwaitedBy(thread)) {
            return "the kernel lock, " + lock;
        }
        Object blocker = LockSupport.getBlocker(thread);
        if (blocker != null) {
            // A mutex gives its name and its holder there.
            return String.valueOf(blocker);
        }
        return thread.getState() == Thread.State.BLOCKED ? "a monitor" : null;
    }
}
