// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Words to wait on. None is ever freed: a test holds the address only, and the garbage collector does not see that. */
final class Words {
    private static final Queue<ByteBuffer> KEPT = new ConcurrentLinkedQueue<>();

    private Words() {}

    static ByteBuffer of(int value) {
        ByteBuffer word =
                ByteBuffer.allocateDirect(64).order(ByteOrder.nativeOrder()).putInt(0, value);
        KEPT.add(word);
        return word;
    }

    /** Two words in a row. */
    static ByteBuffer of(int first, int second) {
        return of(first).putInt(Integer.BYTES, second);
    }
}
