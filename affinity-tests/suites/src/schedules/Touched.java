// SPDX-License-Identifier: BSD-2-Clause

/** What {@link NativeWords} has the library touch. */
public final class Touched {
    private static volatile int word;

    private Touched() {}

    public static void touch() {
        word = 1;
    }
}
