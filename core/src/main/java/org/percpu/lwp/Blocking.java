// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import org.jspecify.annotations.Nullable;

/**
 * Something that blocks.
 *
 * @param <T> result
 * @param <X> what it may throw
 */
@FunctionalInterface
public interface Blocking<T extends @Nullable Object, X extends Throwable> {
    /**
     * Blocks.
     *
     * @return any result
     * @throws X as the blocking call does
     */
    T block() throws X;
}
