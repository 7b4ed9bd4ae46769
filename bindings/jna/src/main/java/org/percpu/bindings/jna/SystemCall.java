// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.jna;

/**
 * The system calls that are made without the C library's function. The C library has no futex and no membarrier. It has
 * gettid only since glibc 2.30, and memfd_create only since 2.27. Its getpriority mixes up -1 and errors.
 */
enum SystemCall {
    CLOSE(3, 57),
    FUTEX(202, 98),
    GETPRIORITY(140, 141),
    GETTID(186, 178),
    MEMBARRIER(324, 283),
    MEMFD_CREATE(319, 279);

    private static final boolean X86_64 = System.getProperty("os.arch", "").equals("amd64");

    private final int x86;
    private final int aarch64;

    SystemCall(int x86, int aarch64) {
        this.x86 = x86;
        this.aarch64 = aarch64;
    }

    long number() {
        return X86_64 ? x86 : aarch64;
    }
}
