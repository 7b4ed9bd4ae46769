// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import org.assertj.core.api.AbstractStringAssert;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxException;

/** Calls that must fail with an error of the page, or of the Linux kernel. */
public final class Refusal {
    private Refusal() {}

    /** The message, to look for the offender and the remedy. */
    public static AbstractStringAssert<?> of(Errno errno, ThrowingCallable call) {
        Throwable thrown = catchThrowable(call);
        assertThat(thrown).isInstanceOf(ErrnoException.class);
        assertThat(((ErrnoException) thrown).errno()).as(thrown.getMessage()).isEqualTo(errno);
        return assertThat(thrown.getMessage());
    }

    public static AbstractStringAssert<?> byLinux(Errno errno, ThrowingCallable call) {
        Throwable thrown = catchThrowable(call);
        assertThat(thrown).isInstanceOf(LinuxException.class);
        assertThat(((LinuxException) thrown).errno()).as(thrown.getMessage()).isEqualTo(errno.number());
        return assertThat(thrown.getMessage());
    }
}
