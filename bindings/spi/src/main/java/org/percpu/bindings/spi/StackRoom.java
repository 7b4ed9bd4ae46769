// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

/**
 * Room on the calling thread's stack. A class of the JDK or of JNA whose initialiser meets the end of a stack is
 * unusable for the rest of the process. A backend initialises hundreds of them, so the stack is tried first, where an
 * end does no harm. Backends call this before they open and before they link. Sleeps call it before they release what
 * they must take again.
 */
public final class StackRoom {
    /**
     * Of some 200 bytes each. Thousands of calls later they are smaller, when the optimising compiler has seen them:
     * only callers that have met the end of a stack dozens of times get there.
     */
    private static final int FRAMES = 190;

    private static final int FEW_FRAMES = 60;

    private StackRoom() {}

    /**
     * Returns if 40 KiB of the stack are free. A backend needs up to 35 to open.
     *
     * @throws StackOverflowError if they are not; the next call may come on another stack
     */
    public static void require() {
        descend(FRAMES);
    }

    /**
     * Returns if some 12 KiB of the stack are free: enough to wait for a lock, and to leave the wait again. A thread
     * that has passed {@link #require()} a few calls before passes this too.
     *
     * @throws StackOverflowError if they are not
     */
    public static void requireSome() {
        descend(FEW_FRAMES);
    }

    /** Not by an assertion: the class then had an initialiser, which the end of a stack could ruin as well. */
    private static void descend(int frames) {
        if (descend(frames, 1, 2, 3, 4, 5, 6, 7, 8) == 0) {
            throw new AssertionError(frames);
        }
    }

    /** The arguments are used after the call, so each frame keeps them. */
    private static long descend(int frames, long a, long b, long c, long d, long e, long f, long g, long h) {
        long sum = frames == 0 ? 0 : descend(frames - 1, b, c, d, e, f, g, h, a);
        return sum + (a ^ b) + (c ^ d) + (e ^ f) + (g ^ h);
    }
}
