// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.Arrays;
import java.util.Collection;
import java.util.NoSuchElementException;
import java.util.PrimitiveIterator;
import java.util.stream.IntStream;
import org.percpu.bindings.spi.Argument;

/**
 * An immutable set of CPU numbers. Numbers may have gaps and there is no word size to outgrow: the set holds any number
 * below {@link #LIMIT}.
 *
 * <p>As text, a set is the list that taskset(1) and the kernel's {@code cpulist} files use: {@code 0-3,8}. As data it
 * is the kernel's mask: bit {@code n % 64} of word {@code n / 64} is CPU {@code n}.
 *
 * <p>Sets are values: two with the same members are equal. They may be shared among threads.
 */
public final class CpuSet implements Iterable<Integer> {
    /** CPU numbers lie below this limit, which is far above any kernel's {@code NR_CPUS} and catches typing errors. */
    public static final int LIMIT = 1 << 20;

    private static final int LIMIT_WORDS = LIMIT / Long.SIZE;
    private static final CpuSet EMPTY = new CpuSet(new long[0]);

    /** The last word, if there is one, is not zero. */
    private final long[] words;

    private CpuSet(long[] words) {
        this.words = words;
    }

    /**
     * The set without members.
     *
     * @return the empty set
     */
    public static CpuSet empty() {
        return EMPTY;
    }

    /**
     * The set of the given numbers, in any order, repeated or not.
     *
     * @param cpus CPU numbers, each 0 to {@link #LIMIT} - 1
     * @return the set
     * @throws IllegalArgumentException if a number is out of range; the message names it
     */
    public static CpuSet of(int... cpus) {
        Argument.requireNonNull(cpus, "CpuSet.of", "cpus");
        int last = -1;
        for (int cpu : cpus) {
            last = Math.max(last, checked(cpu));
        }
        long[] words = new long[wordsFor(last)];
        for (int cpu : cpus) {
            words[cpu / Long.SIZE] |= 1L << cpu;
        }
        return trimmed(words);
    }

    /**
     * The set of all numbers from one to another.
     *
     * @param first lowest CPU number
     * @param last highest CPU number, itself a member
     * @return the set
     * @throws IllegalArgumentException if a number is out of range, or {@code last} is below {@code first}
     */
    public static CpuSet range(int first, int last) {
        if (checked(last) < checked(first)) {
            throw new IllegalArgumentException(CpuList.reversed(first, last));
        }
        return strided(first, last, 1);
    }

    /**
     * The set that a kernel mask describes.
     *
     * @param mask bit {@code n % 64} of word {@code n / 64} is CPU {@code n}; copied
     * @return the set
     * @throws IllegalArgumentException if a bit stands for a number of {@link #LIMIT} or above
     */
    public static CpuSet fromMask(long[] mask) {
        CpuSet set =
                trimmed(Argument.requireNonNull(mask, "CpuSet.fromMask", "mask").clone());
        if (set.words.length > LIMIT_WORDS) {
            throw new IllegalArgumentException(CpuList.tooLarge(Integer.toString(set.last())));
        }
        return set;
    }

    /**
     * Reads a list as users of taskset(1) write it: numbers and ascending ranges with commas between them, a range
     * optionally with a stride, such as {@code 0-3,8} or {@code 0-15:2}. White space around an entry is ignored.
     *
     * @param list at least one CPU
     * @return the set
     * @throws IllegalArgumentException if the list is empty or an entry is not understood; the message quotes the entry
     *     and says what to write
     */
    public static CpuSet parse(String list) {
        CpuSet set = parseKernel(list);
        if (set.isEmpty()) {
            throw new IllegalArgumentException("the CPU list is empty: name at least one CPU, such as 0 or 0-3,8");
        }
        return set;
    }

    /**
     * Reads a list as the kernel prints it, for example in {@code /sys/devices/system/cpu/online}. The same as
     * {@link #parse(String)}, but nothing at all, or only white space, is the empty set.
     *
     * @param list content of the file
     * @return the set, perhaps empty
     * @throws IllegalArgumentException if an entry is not understood; the message quotes it
     */
    public static CpuSet parseKernel(String list) {
        String text = Argument.requireNonNull(list, "a CPU list", "list").strip();
        if (text.isEmpty()) {
            return EMPTY;
        }
        long[] words = new long[0];
        for (String part : text.split(",", -1)) {
            String entry = part.strip();
            try {
                words = merge(words, CpuList.entry(entry).words);
            } catch (IllegalArgumentException e) {
                String where = entry.equals(text) ? "" : " (in the CPU list " + CpuList.quote(text) + ")";
                throw new IllegalArgumentException(e.getMessage() + where, e);
            }
        }
        return trimmed(words);
    }

    private static int checked(int cpu) {
        if (cpu < 0) {
            throw new IllegalArgumentException(cpu + ": CPU numbers start at 0, there are no negative ones");
        }
        if (cpu >= LIMIT) {
            throw new IllegalArgumentException(CpuList.tooLarge(Integer.toString(cpu)));
        }
        return cpu;
    }

    private static int wordsFor(int last) {
        return last < 0 ? 0 : last / Long.SIZE + 1;
    }

    static CpuSet strided(int first, int last, int stride) {
        long[] words = new long[wordsFor(last)];
        for (int cpu = first; cpu <= last; cpu += stride) {
            words[cpu / Long.SIZE] |= 1L << cpu;
        }
        return trimmed(words);
    }

    private static long[] merge(long[] a, long[] b) {
        long[] merged = Arrays.copyOf(a, Math.max(a.length, b.length));
        for (int i = 0; i < b.length; i++) {
            merged[i] |= b[i];
        }
        return merged;
    }

    private static CpuSet trimmed(long[] words) {
        int length = words.length;
        while (length > 0 && words[length - 1] == 0) {
            length--;
        }
        if (length == 0) {
            return EMPTY;
        }
        return new CpuSet(length == words.length ? words : Arrays.copyOf(words, length));
    }

    /**
     * The set as a kernel mask.
     *
     * @return as many words as the highest member needs, none for the empty set; a copy
     */
    public long[] toMask() {
        return words.clone();
    }

    /**
     * The set as a kernel mask of a given length at least.
     *
     * @param minWords length in words of 64 CPUs, padded with zeros
     * @return {@code minWords} words, or more if the highest member needs them; a copy
     */
    public long[] toMask(int minWords) {
        return Arrays.copyOf(words, Math.max(minWords, words.length));
    }

    /**
     * Tells whether a number is a member.
     *
     * @param cpu any number
     * @return true if it is; false also for numbers that no set can hold
     */
    public boolean contains(int cpu) {
        return cpu >= 0 && cpu / Long.SIZE < words.length && (words[cpu / Long.SIZE] >>> cpu & 1) != 0;
    }

    /**
     * Tells whether all members of another set are members of this one.
     *
     * @param other the set to look for
     * @return true if none is missing, and so always for the empty set
     */
    public boolean containsAll(CpuSet other) {
        return Argument.requireNonNull(other, "containsAll", "other")
                .minus(this)
                .isEmpty();
    }

    /**
     * The number of members.
     *
     * @return 0 or more
     */
    public int size() {
        int size = 0;
        for (long word : words) {
            size += Long.bitCount(word);
        }
        return size;
    }

    /**
     * Tells whether the set has no members.
     *
     * @return true if it is empty
     */
    public boolean isEmpty() {
        return words.length == 0;
    }

    /**
     * The lowest member.
     *
     * @return a CPU number, or -1 if the set is empty
     */
    public int first() {
        return next(0);
    }

    /**
     * The highest member.
     *
     * @return a CPU number, or -1 if the set is empty
     */
    public int last() {
        return isEmpty() ? -1 : words.length * Long.SIZE - 1 - Long.numberOfLeadingZeros(words[words.length - 1]);
    }

    private int next(int from) {
        int i = from / Long.SIZE;
        if (i >= words.length) {
            return -1;
        }
        long word = words[i] & -1L << from;
        while (word == 0) {
            if (++i == words.length) {
                return -1;
            }
            word = words[i];
        }
        return i * Long.SIZE + Long.numberOfTrailingZeros(word);
    }

    /**
     * The members of both sets.
     *
     * @param other another set
     * @return the intersection
     */
    public CpuSet and(CpuSet other) {
        Argument.requireNonNull(other, "and", "other");
        long[] result = Arrays.copyOf(words, Math.min(words.length, other.words.length));
        for (int i = 0; i < result.length; i++) {
            result[i] &= other.words[i];
        }
        return trimmed(result);
    }

    /**
     * The members of either set.
     *
     * @param other another set
     * @return the union
     */
    public CpuSet or(CpuSet other) {
        Argument.requireNonNull(other, "or", "other");
        return trimmed(merge(words, other.words));
    }

    /**
     * The members of this set that are not in another.
     *
     * @param other another set
     * @return the difference
     */
    public CpuSet minus(CpuSet other) {
        Argument.requireNonNull(other, "minus", "other");
        long[] result = words.clone();
        for (int i = 0; i < Math.min(result.length, other.words.length); i++) {
            result[i] &= ~other.words[i];
        }
        return trimmed(result);
    }

    /** The set of some numbers. */
    static CpuSet ofAll(Collection<Integer> cpus) {
        int[] numbers = new int[cpus.size()];
        int i = 0;
        for (int cpu : cpus) {
            numbers[i++] = cpu;
        }
        return of(numbers);
    }

    /**
     * The members, ascending.
     *
     * @return a stream of {@link #size()} CPU numbers
     */
    public IntStream stream() {
        return IntStream.iterate(first(), cpu -> cpu >= 0, cpu -> next(cpu + 1));
    }

    /**
     * The members, ascending.
     *
     * @return an iterator over {@link #size()} CPU numbers
     */
    @Override
    public PrimitiveIterator.OfInt iterator() {
        return new PrimitiveIterator.OfInt() {
            private int next = first();

            @Override
            public boolean hasNext() {
                return next >= 0;
            }

            @Override
            public int nextInt() {
                if (next < 0) {
                    throw new NoSuchElementException("CPUs " + CpuSet.this + " have been told");
                }
                int cpu = next;
                next = CpuSet.this.next(cpu + 1);
                return cpu;
            }
        };
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CpuSet set && Arrays.equals(words, set.words);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(words);
    }

    /**
     * The set as the kernel prints it.
     *
     * @return such as {@code 0-3,8}; the empty string for the empty set
     */
    @Override
    public String toString() {
        StringBuilder list = new StringBuilder();
        int cpu = first();
        while (cpu >= 0) {
            int end = cpu;
            while (contains(end + 1)) {
                end++;
            }
            list.append(list.length() == 0 ? "" : ",").append(cpu);
            if (end > cpu) {
                list.append('-').append(end);
            }
            cpu = next(end + 1);
        }
        return list.toString();
    }
}
