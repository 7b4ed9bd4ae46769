// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import org.jspecify.annotations.Nullable;

/** What a {@link Wheel} holds: links and a time. It belongs to the caller, and the wheel allocates nothing for it. */
public abstract class Entry {
    /** The value of {@link #slot} for an entry that is on no wheel. */
    static final int NOWHERE = -1;

    // Written by the wheel.
    @Nullable
    Entry next;

    @Nullable
    Entry prev;

    int slot = NOWHERE;
    long deadline;

    /** On no wheel. */
    Entry() {}
}
