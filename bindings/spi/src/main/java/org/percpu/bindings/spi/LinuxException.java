// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

import org.jspecify.annotations.Nullable;

/**
 * A call of the C library, of the kernel or of percpu's own C side failed: which function, with what arguments, the
 * error by number, name and text, and, where one is known, what the administrator can do about it.
 */
public final class LinuxException extends PercpuException {
    private static final long serialVersionUID = 1L;

    /** Function that failed. */
    private final String function;

    /** Positive error number. */
    private final int errno;

    /** Text of strerror(3). */
    private final String text;

    /** What to do, or null. */
    private final @Nullable String remedy;

    /**
     * Describes a failed call.
     *
     * @param call the call with its arguments as a reader would write it, such as {@code sched_setaffinity(0, {7})};
     *     what stands before the first parenthesis is the {@linkplain #function() function}
     * @param errno the error number, positive
     * @param text what strerror(3) says
     * @param remedy what the reader can do, as a sentence without a full stop, or null if nothing is known
     */
    public LinuxException(String call, int errno, String text, @Nullable String remedy) {
        super(call + ": " + text + " (" + Errno.name(errno) + ", " + errno + ")"
                + (remedy == null ? "" : "; " + remedy));
        int parenthesis = call.indexOf('(');
        this.function = parenthesis < 0 ? call : call.substring(0, parenthesis);
        this.errno = errno;
        this.text = text;
        this.remedy = remedy;
    }

    /**
     * The C function that failed.
     *
     * @return its name without arguments
     */
    public String function() {
        return function;
    }

    /**
     * The error number.
     *
     * @return as in {@code errno.h}, positive
     */
    public int errno() {
        return errno;
    }

    @Override
    public int errnoNumber() {
        return errno;
    }

    /**
     * The C library's words for the error.
     *
     * @return what strerror(3) says
     */
    public String text() {
        return text;
    }

    /**
     * What the reader can do.
     *
     * @return a sentence, or null if nothing is known
     */
    public @Nullable String remedy() {
        return remedy;
    }
}
