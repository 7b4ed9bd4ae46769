// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

/** Where a call has found a work or task that can be delayed. */
public enum DelayState {
    /** It waited for its time. */
    WAITING,
    /** Its time was over, or it was added without a delay: it was in the queue, and its callback had not begun. */
    QUEUED,
    /** Its callback ran, and it was not pending. */
    RUNNING,
    /** It neither was pending nor ran. */
    IDLE
}
