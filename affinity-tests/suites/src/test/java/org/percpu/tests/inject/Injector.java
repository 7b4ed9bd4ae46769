// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.percpu.tests.support.Scale;

/**
 * Throws an error inside the library, at the n-th point that the armed threads come to. {@link Instrumenter} puts a point before each
 * allocation and each call in the library's own code, and at the start of each method.
 */
public final class Injector {
    /** What is thrown, and how often. */
    public enum Kind {
        /** One allocation fails. */
        OUT_OF_MEMORY,
        /** One call fails. */
        STACK_OVERFLOW,
        /** One call fails, and so does everything else that needs as much stack, as long as the injector is armed. */
        END_OF_STACK
    }

    /** After so many points an operation that still is at the end of the stack is let go on. */
    private static final int MORE = 400;

    private static final List<String> SITES = Collections.synchronizedList(new ArrayList<>());
    private static final List<String> INITIALISED = Collections.synchronizedList(new ArrayList<>());

    // Published by `armed`.
    private static @Nullable Thread thread;
    private static @Nullable String name;
    private static Kind kind = Kind.OUT_OF_MEMORY;
    private static int at;
    private static int depth; // the deepest so far, or where the stack ends
    private static int deepened;
    private static int struck;

    /**
     * In the short form each point of the code is tried once, however often it is passed, and each of the three configurations of the suites
     * tries a third of the points.
     */
    private static final Set<Integer> HIT = ConcurrentHashMap.newKeySet();

    private static final int THIRDS = 3;
    private static final int THIRD =
            Runtime.version().feature() < 21 ? 0 : "jna".equals(System.getProperty("percpu.backend")) ? 1 : 2;

    private static volatile @Nullable String thrown;
    private static final AtomicInteger PASSED = new AtomicInteger();
    private static volatile boolean armed;

    private Injector() {}

    static int site(String description) {
        synchronized (SITES) {
            SITES.add(description);
            return SITES.size() - 1;
        }
    }

    /** Called at each point. */
    public static void point(int site) {
        if (armed && isMine(Thread.currentThread())) {
            strike(site);
        }
    }

    /** Called at the start of each class initialiser, which is left alone: an error in there ruins the class for good. */
    public static void initialised(String type) {
        if (armed && isMine(Thread.currentThread())) {
            INITIALISED.add(type);
        }
    }

    private static boolean isMine(Thread current) {
        return current.equals(thread) || (name != null && current.getName().startsWith(name));
    }

    private static void strike(int site) {
        int now = PASSED.incrementAndGet();
        if (kind == Kind.END_OF_STACK) {
            // A stack ends where it has not been so deep before, and from there on for all that is as deep.
            int here = stackDepth();
            boolean deeper = here > depth;
            if (thrown == null && deeper) {
                depth = here;
                deepened++;
                struck = deepened;
                deeper = deepened == at;
            }
            if (thrown == null ? deeper : here >= depth && now < MORE) {
                thrown = thrown == null ? SITES.get(site) : thrown;
                throw error(site);
            }
        } else if (now >= at && thrown == null && (Scale.isLong() || (isOfThird(site) && HIT.add(site)))) {
            struck = now;
            thrown = SITES.get(site);
            throw error(site);
        }
    }

    private static boolean isOfThird(int site) {
        return Math.floorMod(SITES.get(site).hashCode(), THIRDS) == THIRD;
    }

    private static int stackDepth() {
        return Thread.currentThread().getStackTrace().length;
    }

    private static Error error(int site) {
        String message = "injected at " + SITES.get(site);
        return kind == Kind.OUT_OF_MEMORY ? new OutOfMemoryError(message) : new StackOverflowError(message);
    }

    /** The calling thread meets an error at its n-th point from now on. */
    static void arm(Kind what, int n) {
        arm(Thread.currentThread(), null, what, n);
    }

    /** As {@link #arm(Kind, int)}, and threads whose names begin so count as well. */
    static void arm(@Nullable Thread victim, @Nullable String prefix, Kind what, int n) {
        armed = false;
        thread = victim;
        name = prefix;
        kind = what;
        at = n;
        thrown = null;
        depth = 0;
        deepened = 0;
        PASSED.set(0);
        armed = true;
    }

    /** No more errors; where one was thrown, or null. */
    static @Nullable String disarm() {
        armed = false;
        return thrown;
    }

    /** Where an error was thrown, or null. */
    static @Nullable String site() {
        return thrown;
    }

    /** At which point of the last round. */
    static int struck() {
        return struck;
    }

    /** The points have not been tried with this scenario and this kind of error. */
    static void forget() {
        HIT.clear();
    }

    static boolean isInjected(@Nullable Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (String.valueOf(cause.getMessage()).startsWith("injected at ")) {
                return true;
            }
        }
        return false;
    }

    /** Classes of the library that armed threads have initialised. */
    static List<String> initialised() {
        return List.copyOf(INITIALISED);
    }
}
