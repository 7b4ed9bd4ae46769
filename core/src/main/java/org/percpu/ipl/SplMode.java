// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

/** How a thread's level masks signals. What can be seen of it is the same. */
public enum SplMode {
    /** Every change of the level is a pthread_sigmask(3). Needs no native code. */
    EAGER,
    /**
     * A change of the level is a store to a word in native memory. The signal handler of libpercpu looks at it, and
     * blocks the masked signals only when one of them comes.
     */
    LAZY
}
