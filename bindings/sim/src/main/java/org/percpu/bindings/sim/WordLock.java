// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.nio.ByteBuffer;

/**
 * A lock that a controlled scheduler does not see: a word in a buffer, which such a scheduler does not look at. It is
 * for short steps that need no other lock and no field that threads share. Such steps are then one step for the
 * scheduler, and a schedule does not depend on how many there are, which the collector may decide.
 */
final class WordLock {
    private final ByteBuffer word = ByteBuffer.allocateDirect(Integer.BYTES);

    void lock() {
        while (!Memory.INT.compareAndSet(word, 0, 0, 1)) {
            Thread.onSpinWait();
        }
    }

    void unlock() {
        Memory.INT.setRelease(word, 0, 0);
    }
}
