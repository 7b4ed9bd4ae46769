// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.percpu.tests.support.Scale;

/** Something that the library does, to be done again and again with an error at one point of it. */
interface Scenario {
    /** Makes what the rounds use. Called again after a round that has failed. */
    void begin() throws Exception;

    /**
     * What it can be tried with. A single error of the stack does what one of memory does, but where the library tells them apart. So the
     * short form tries it in quick scenarios alone.
     */
    default List<Injector.Kind> kinds() {
        return Scale.isLong()
                ? List.of(Injector.Kind.values())
                : List.of(Injector.Kind.OUT_OF_MEMORY, Injector.Kind.END_OF_STACK);
    }

    /**
     * One round, which checks what it leaves behind.
     *
     * @param kind what is thrown
     * @param n at which point
     * @return where an error was thrown, or null if the armed code ended before
     */
    @Nullable
    String round(Injector.Kind kind, int n) throws Exception;

    /** Ends what the rounds used, which must be possible. */
    void end() throws Exception;
}
