// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

/** What a command tells the shell. */
final class ExitStatus {
    /** All is well. */
    static final int OK = 0;
    /** The question was understood and the answer is no: a work was lost, a CPU cannot be used, a privilege is missing. */
    static final int FAILED = 1;
    /** The question makes no sense here: an option or a value is wrong. */
    static final int BAD_INPUT = 2;

    private ExitStatus() {}
}
