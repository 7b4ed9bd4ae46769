// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

/** The user asked for something that cannot be; the message is one line with the offender and the remedy. */
final class BadInput extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BadInput(String message) {
        super(message);
    }

    BadInput(String message, Throwable cause) {
        super(message, cause);
    }
}
