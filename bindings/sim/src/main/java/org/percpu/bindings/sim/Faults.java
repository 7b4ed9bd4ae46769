// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Which calls of a simulated machine go wrong. Each decision depends on the seed, the kind of fault and how often that
 * kind was asked for, so the same calls in the same order meet the same faults.
 *
 * <p>The text form is {@code seed=42,spurious=0.05,thread=3}: the seed, then kinds with a rate from 0 to 1.
 * {@code thread=K} is a count: the K-th start of a thread is refused, once.
 *
 * <p>Objects of this class may be used by any number of threads.
 */
public final class Faults {
    /** What can go wrong. */
    public enum Kind {
        /** futex(2) returns 0 though no thread woke the sleeper. */
        SPURIOUS,
        /** futex(2) returns EINTR. */
        EINTR,
        /** futex(2) returns late after it was woken. */
        LATE,
        /** A scheduling call is refused with EPERM. */
        EPERM,
        /** sched_setaffinity(2) drops CPUs from a request for several. */
        NARROW,
        /** sched_setaffinity(2) reports success and changes nothing. */
        PRETEND,
        /** A CPU goes offline, or one that was taken offline comes back. */
        OFFLINE,
        /** The cpuset loses a CPU, or gets all of them back. */
        SHRINK
    }

    /** No faults. */
    public static final Faults NONE = new Faults(0, Map.of(), 0);

    private static final double WHOLE = 0x1.0p53;
    private static final int MANTISSA = 11;

    private final long seed;
    private final EnumMap<Kind, Double> rates = new EnumMap<>(Kind.class);
    private final EnumMap<Kind, AtomicLong> asked = new EnumMap<>(Kind.class);
    private final long refusedThread;
    private final AtomicLong threads = new AtomicLong();

    private Faults(long seed, Map<Kind, Double> rates, long refusedThread) {
        this.seed = seed;
        this.rates.putAll(rates);
        this.refusedThread = refusedThread;
        for (Kind kind : Kind.values()) {
            asked.put(kind, new AtomicLong());
        }
    }

    /**
     * Reads the text form.
     *
     * @param text for example {@code seed=42,spurious=0.05,thread=3}; empty for no faults
     * @return the faults
     * @throws IllegalArgumentException if a part is not understood; the message names it and lists what there is
     */
    public static Faults parse(String text) {
        long seed = 0;
        long thread = 0;
        EnumMap<Kind, Double> rates = new EnumMap<>(Kind.class);
        for (String part : text.isBlank() ? new String[0] : text.split(",", -1)) {
            int equals = part.indexOf('=');
            String key = equals < 0 ? part : part.substring(0, equals).strip();
            String value = equals < 0 ? "" : part.substring(equals + 1).strip();
            try {
                switch (key) {
                    case "seed" -> seed = Long.parseLong(value);
                    case "thread" -> thread = Long.parseLong(value);
                    default -> rates.put(Kind.valueOf(key.toUpperCase(Locale.ROOT)), rate(value));
                }
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        "\"" + part + "\" in the faults \"" + text
                                + "\" is not one of seed=NUMBER, thread=COUNT or KIND=RATE"
                                + " with a rate from 0 to 1 and a kind of " + kinds(),
                        e);
            }
        }
        return new Faults(seed, rates, thread);
    }

    private static double rate(String value) {
        double rate = Double.parseDouble(value);
        if (!(rate >= 0 && rate <= 1)) {
            throw new IllegalArgumentException(value);
        }
        return rate;
    }

    private static String kinds() {
        StringBuilder names = new StringBuilder();
        for (Kind kind : Kind.values()) {
            names.append(names.length() == 0 ? "" : ", ").append(kind.name().toLowerCase(Locale.ROOT));
        }
        return names.toString();
    }

    /** True if this occasion for a fault is taken. */
    boolean strikes(Kind kind) {
        Double rate = rates.get(kind);
        return rate != null && fraction(kind, count(kind)) < rate;
    }

    /** A number from 0 to bound - 1, for what a fault leaves open. */
    int choose(Kind kind, int bound) {
        return (int) (fraction(kind, count(kind)) * bound);
    }

    /** True if this start of a thread is to be refused. */
    boolean refusesThread() {
        return refusedThread > 0 && threads.incrementAndGet() == refusedThread;
    }

    private long count(Kind kind) {
        AtomicLong counter = asked.get(kind);
        return counter == null ? 0 : counter.getAndIncrement();
    }

    private double fraction(Kind kind, long count) {
        return (mix(seed ^ mix(count ^ ((long) kind.name().hashCode() << Integer.SIZE))) >>> MANTISSA) / WHOLE;
    }

    /** The output function of SplitMix64. */
    static long mix(long value) {
        long z = value + 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("seed=").append(seed);
        rates.forEach((kind, rate) -> text.append(',')
                .append(kind.name().toLowerCase(Locale.ROOT))
                .append('=')
                .append(rate));
        return refusedThread > 0 ? text.append(",thread=").append(refusedThread).toString() : text.toString();
    }
}
