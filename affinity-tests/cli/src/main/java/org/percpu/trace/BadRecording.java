// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.trace;

/** A recording that cannot be drawn; the message is one line that says why and what to do. */
public final class BadRecording extends Exception {
    private static final long serialVersionUID = 1L;

    BadRecording(String message) {
        super(message);
    }

    BadRecording(String message, Throwable cause) {
        super(message, cause);
    }
}
