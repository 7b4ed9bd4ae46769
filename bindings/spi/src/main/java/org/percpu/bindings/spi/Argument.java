// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Checks of arguments. They are not in {@link ErrnoException}, because HotSpot's compiler inlines no method of an
 * exception class: a check there costs a call, more than a nanosecond, also where it finds nothing.
 */
public final class Argument {
    private Argument() {}

    /**
     * Checks that an argument was given.
     *
     * @param argument any
     * @param call what it was given to, for the message
     * @param name of the argument
     * @param <T> its type
     * @return the argument
     * @throws ErrnoException EINVAL if it is null
     */
    public static <T> T requireNonNull(@Nullable T argument, String call, String name) {
        if (argument == null) {
            throw isNull(call, name);
        }
        return argument;
    }

    /**
     * Checks that a time was given that is not negative.
     *
     * @param time any
     * @param call what it was given to, for the message
     * @param name of the argument
     * @return the time
     * @throws ErrnoException EINVAL if it is null or negative
     */
    public static Duration requireTime(@Nullable Duration time, String call, String name) {
        Duration given = requireNonNull(time, call, name);
        if (given.isNegative()) {
            throw new ErrnoException(
                    Errno.EINVAL, call + ": " + name + " is negative (" + given + "): give zero or more");
        }
        return given;
    }

    /** Apart, so that the check is small enough to be inlined everywhere. */
    private static ErrnoException isNull(String call, String name) {
        return new ErrnoException(Errno.EINVAL, call + ": " + name + " is null");
    }
}
