// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.lang.invoke.MethodHandles;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Makes the object that users see from a posted work. Queues need this class, because the constructor of that object is
 * not public.
 */
public final class Faces {
    /** Set once, by the class that users see. */
    private static volatile @Nullable Function<PostedWork, Object> maker;

    private Faces() {}

    /**
     * For the class that users see: how to make one.
     *
     * @param function takes a work
     */
    public static void madeBy(Function<PostedWork, Object> function) {
        maker = function;
    }

    /**
     * What users see of a work.
     *
     * @param work just opened
     * @param type the class that has called {@link #madeBy}, or does so when it is initialized
     * @param <T> that class
     * @return a new object
     */
    public static <T> T of(PostedWork work, Class<T> type) {
        Function<PostedWork, Object> make = maker;
        if (make == null) {
            try {
                MethodHandles.lookup().ensureInitialized(type);
            } catch (IllegalAccessException e) {
                throw new AssertionError(e);
            }
            make = maker;
        }
        if (make == null) {
            throw new AssertionError(type + " has not said how it is made");
        }
        return type.cast(make.apply(work));
    }
}
