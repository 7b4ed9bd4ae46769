// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

/**
 * Keeps the fields of a subclass off the cache line of the memory before the object. Ints, because the virtual machine
 * would fill the gap that longs leave.
 */
@SuppressWarnings("UnusedVariable")
abstract class Padded {
    private int p00, p01, p02, p03, p04, p05, p06, p07, p08, p09, p10, p11, p12, p13, p14, p15;

    Padded() {}
}
