// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import org.jspecify.annotations.Nullable;

/** Names for works and tasks that have none of their own. */
public final class Names {
    private static final String LAMBDA = "$$Lambda";

    /** Made at the first use: an initialiser of this class could meet the end of a stack, and leave the class dead. */
    private static volatile @Nullable Cache cache;

    /** The last name that was made from a class, so that a recording of many works makes no text for each. */
    private static final class Cache extends ClassValue<Made> {
        @Override
        protected Made computeValue(Class<?> type) {
            return new Made();
        }
    }

    private static final class Made {
        private volatile @Nullable Name last;
    }

    private record Name(String kind, String text) {}

    private Names() {}

    /** Initialises this class, so that a name can be made at the end of a stack. */
    public static void ready() {}

    /**
     * A name from a class.
     *
     * @param kind what the object is
     * @param function the function that it runs, or null if it is known by its own class
     * @param item the object
     * @param plain the class of objects that add nothing to the library's
     * @return such as {@code task Driver lambda} or {@code work Packet}
     */
    public static String of(String kind, @Nullable Object function, Object item, Class<?> plain) {
        if (item.getClass() != plain) {
            return of(kind, item.getClass());
        }
        return function == null ? kind : of(kind, function.getClass());
    }

    private static String of(String kind, Class<?> type) {
        Cache names = cache;
        if (names == null) {
            // Another thread may make one too: then some names are made twice.
            names = new Cache();
            cache = names;
        }
        Made made = names.get(type);
        Name known = made.last;
        if (known == null || !kind.equals(known.kind())) {
            known = new Name(kind, kind + " " + name(type));
            made.last = known;
        }
        return known.text();
    }

    /** The name without the package. For a lambda it is the class in which the lambda stands. */
    private static String name(Class<?> type) {
        String name = type.getName();
        int lambda = name.indexOf(LAMBDA);
        String owner = lambda < 0 ? name : name.substring(0, lambda);
        String simple = owner.substring(owner.lastIndexOf('.') + 1).replace('$', '.');
        return lambda < 0 ? simple : simple + " lambda";
    }
}
