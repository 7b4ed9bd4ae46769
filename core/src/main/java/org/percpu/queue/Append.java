// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

/** What became of an item that was appended to a queue. */
public enum Append {
    /** It is pending on this queue. */
    QUEUED,
    /** It was pending already, here or elsewhere, and stays where it was. */
    PENDING,
    /** It is disabled, and is not pending. */
    DISABLED,
    /** The queue has ended; the item is not pending. */
    CLOSED
}
