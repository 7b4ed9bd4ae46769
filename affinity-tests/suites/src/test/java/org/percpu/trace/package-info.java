// SPDX-License-Identifier: BSD-2-Clause
/** The picture of a recording, compared with the recording. */
@NullMarked
package org.percpu.trace;

import org.jspecify.annotations.NullMarked;
