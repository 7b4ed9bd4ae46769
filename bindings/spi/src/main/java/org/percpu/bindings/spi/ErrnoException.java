// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

import org.jspecify.annotations.Nullable;

/**
 * Thrown by a call that the manual page forbids, or whose error the page lists, or that has a null argument which must
 * not be null. The call changed nothing.
 *
 * <p>A failed system call is a {@link LinuxException}. If a failed system call is the reason, it is the cause of this
 * exception.
 */
public final class ErrnoException extends PercpuException {
    private static final long serialVersionUID = 1L;

    /** The page's error. */
    private final Errno errno;

    /**
     * Reports an error.
     *
     * @param errno the page's error
     * @param message what was wrong with which object, and the remedy
     */
    public ErrnoException(Errno errno, String message) {
        this(errno, message, null);
    }

    /**
     * Reports an error that has a cause.
     *
     * @param errno the page's error
     * @param message what was wrong with which object, and the remedy
     * @param cause what led to it, or null
     */
    public ErrnoException(Errno errno, String message, @Nullable Throwable cause) {
        super(errno + ": " + message, cause);
        this.errno = errno;
    }

    /**
     * The page's error.
     *
     * @return such as {@link Errno#EBUSY}
     */
    public Errno errno() {
        return errno;
    }

    @Override
    public int errnoNumber() {
        return errno.number();
    }
}
