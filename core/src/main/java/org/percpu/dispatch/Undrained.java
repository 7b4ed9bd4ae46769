// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.util.Arrays;
import org.percpu.bindings.spi.Argument;

/**
 * The values that a run leaves undrained. Before a callback this object notes which values wait for it. After the
 * callback it lets the noted values go, if they were not drained. The object is part of a worker, which runs one item
 * at a time; programs use {@code NativeWork}.
 */
public final class Undrained {
    private static final Posted[] NONE = {};

    private Posted[] works = NONE;
    private long[] end = new long[1];
    private long[] drained = new long[1];

    /** For a worker. */
    public Undrained() {}

    /**
     * Before the callback. Allocates nothing while an item has no more handles than those before it.
     *
     * @param inbox of the queue
     * @param item whose callback it is
     * @return whether {@link #after} must follow the callback
     */
    public boolean before(NativeInbox inbox, Object item) {
        Argument.requireNonNull(inbox, "a run", "inbox");
        Argument.requireNonNull(item, "a run", "item");
        Posted[] now = inbox.handlesOf(item);
        if (now == null) {
            return false;
        }
        if (now.length > end.length) {
            end = Arrays.copyOf(end, now.length);
            drained = Arrays.copyOf(drained, now.length);
        }
        for (int i = 0; i < now.length; i++) {
            drained[i] = now[i].drained();
            end[i] = now[i].end();
        }
        works = now;
        return true;
    }

    /** Behind the callback. */
    public void after() {
        Posted[] noted = works;
        works = NONE;
        for (int i = 0; i < noted.length; i++) {
            noted[i].letGo(end[i], drained[i]);
        }
    }
}
