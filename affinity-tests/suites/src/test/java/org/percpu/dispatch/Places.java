// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.lang.ref.WeakReference;
import java.lang.reflect.Field;
import java.util.List;

/** The memory of threads that had a level, for tests that must not depend on the collector. */
public final class Places {
    private Places() {}

    /** Forgets the threads that have ended, as if all had been collected. */
    public static void forgetEnded() {
        try {
            Field all = Dispatchers.class.getDeclaredField("PLACES");
            all.setAccessible(true);
            List<?> places = (List<?>) all.get(null);
            for (Object place : places) {
                Field last = place.getClass().getDeclaredField("last");
                last.setAccessible(true);
                Dispatcher dispatcher = (Dispatcher) ((WeakReference<?>) last.get(place)).get();
                if (dispatcher != null && !dispatcher.isAlive() && !dispatcher.hasSources()) {
                    last.set(place, new WeakReference<>(null));
                }
            }
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("the places of threads are elsewhere", e);
        }
    }
}
