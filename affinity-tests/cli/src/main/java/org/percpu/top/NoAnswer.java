// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.top;

/** A process does not answer; the message is one line that says why and what to do. */
public final class NoAnswer extends Exception {
    private static final long serialVersionUID = 1L;

    NoAnswer(String message) {
        super(message);
    }

    NoAnswer(String message, Throwable cause) {
        super(message, cause);
    }
}
