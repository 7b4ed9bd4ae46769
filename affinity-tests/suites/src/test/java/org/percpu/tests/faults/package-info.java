// SPDX-License-Identifier: BSD-2-Clause
/**
 * What a callback, a logger or a shortage of memory or stack does to the library: nothing. A fault of one work reaches no other
 * work, and no error leaves a queue, a worker, a line or a work dead.
 */
package org.percpu.tests.faults;
