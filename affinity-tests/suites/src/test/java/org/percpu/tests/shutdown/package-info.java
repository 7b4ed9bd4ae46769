// SPDX-License-Identifier: BSD-2-Clause
/** What goes beyond the manual pages: shutdown of a kernel, drains with a deadline, and workqueue_wait. */
package org.percpu.tests.shutdown;
