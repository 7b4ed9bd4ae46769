// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

/** What an operation on a timer changes, beside its time. */
enum Change {
    NONE,
    CANCEL,
    ACKNOWLEDGE,
    DESTROY,
    SET,
    SET_UNLESS_PENDING
}
