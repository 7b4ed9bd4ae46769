// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

/**
 * Numbers of the system calls that are made without the C library's function. The C library has no function for futex
 * and membarrier. It has gettid only since glibc 2.30, and memfd_create only since 2.27. Its getpriority mixes up -1
 * and errors. close is here because it then needs no link of its own. {@code native/audit} asserts them.
 */
final class SystemCall {
    static final long CLOSE = number(3, 57);
    static final long FUTEX = number(202, 98);
    static final long GETPRIORITY = number(140, 141);
    static final long GETTID = number(186, 178);
    static final long MEMBARRIER = number(324, 283);
    static final long MEMFD_CREATE = number(319, 279);

    /** Operations of futex, the same everywhere. */
    static final long FUTEX_WAIT_PRIVATE = 128;

    static final long FUTEX_WAKE_PRIVATE = 129;
    static final long FUTEX_WAIT_BITSET_PRIVATE = 137;
    static final long FUTEX_BITSET_MATCH_ANY = 0xffffffffL;

    private SystemCall() {}

    private static long number(int x86, int aarch64) {
        String arch = System.getProperty("os.arch", "");
        return switch (arch) {
            case "amd64" -> x86;
            case "aarch64" -> aarch64;
            default -> throw new UnsupportedOperationException("system call numbers of " + arch + " are not known");
        };
    }
}
