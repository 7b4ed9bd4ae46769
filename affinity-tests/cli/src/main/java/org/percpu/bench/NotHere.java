// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

/** A contender that cannot be measured on this machine or JVM; the message says why and what would help. */
final class NotHere extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NotHere(String message) {
        super(message);
    }

    NotHere(String message, Throwable cause) {
        super(message, cause);
    }
}
