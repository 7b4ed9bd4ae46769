// SPDX-License-Identifier: BSD-2-Clause
/** The clocks of a kernel, below the interfaces: threads, sleep, shutdown, a process that is stopped, a CPU that goes. */
package org.percpu.tests.clock;
