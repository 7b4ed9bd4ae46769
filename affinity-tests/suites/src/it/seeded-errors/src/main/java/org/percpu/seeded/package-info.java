// SPDX-License-Identifier: BSD-2-Clause
/** Code that the gates of the build must refuse. */
@NullMarked
package org.percpu.seeded;

import org.jspecify.annotations.NullMarked;
