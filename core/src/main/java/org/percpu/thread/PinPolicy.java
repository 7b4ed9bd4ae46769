// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

/** What to do when a thread cannot be put on the CPUs it was asked for. */
public enum PinPolicy {
    /** Creating the thread fails. The default. */
    REQUIRE,
    /** The thread runs where the kernel lets it; {@link ThreadState#pinned()} says so. */
    BEST_EFFORT
}
