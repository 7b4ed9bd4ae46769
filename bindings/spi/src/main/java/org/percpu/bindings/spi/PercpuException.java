// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

import org.jspecify.annotations.Nullable;

/**
 * The parent of all exceptions with an error number: {@link LinuxException} when a call of the C library failed, and
 * {@link ErrnoException} when a manual page forbids a call or lists its error. Catch this for both.
 */
public abstract class PercpuException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * For the two kinds, without a cause; it may be set later.
     *
     * @param message what was wrong with which object, and the remedy
     */
    protected PercpuException(String message) {
        super(message);
    }

    /**
     * For the two kinds.
     *
     * @param message what was wrong with which object, and the remedy
     * @param cause what led to it, or null
     */
    protected PercpuException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * The error number.
     *
     * @return as in {@code errno.h}, positive
     */
    public abstract int errnoNumber();

    /**
     * The symbol of the error number.
     *
     * @return such as {@code EPERM}
     */
    public final String errnoName() {
        return Errno.name(errnoNumber());
    }
}
