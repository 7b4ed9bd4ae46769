// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.clock;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("the timing wheel")
class WheelTest {
    private static final int ALL = Integer.MAX_VALUE;

    private static final class Handle extends Entry {
        final int number;

        /** Key in the model, while it waits. */
        @Nullable
        Key key;

        Handle(int number) {
            this.number = number;
        }

        @Override
        public String toString() {
            return "#" + number;
        }
    }

    /** Times are compared by their distance from the start of the test, so that they may wrap. */
    private record Key(long sinceStart, long sequence) implements Comparable<Key> {
        @Override
        public int compareTo(Key other) {
            int byTime = Long.compare(sinceStart, other.sinceStart);
            return byTime != 0 ? byTime : Long.compare(sequence, other.sequence);
        }
    }

    /** A sorted map, which does the same as the wheel in the plainest way. */
    private static final class Model {
        final long start;
        final TreeMap<Key, Handle> waiting = new TreeMap<>();
        final Deque<Handle> due = new ArrayDeque<>();
        long sequence;
        long now; // since the start

        Model(long start) {
            this.start = start;
        }

        void add(Handle handle, long deadline) {
            long since = deadline - start;
            if (since <= now) {
                due.add(handle);
            } else {
                handle.key = new Key(since, sequence++);
                waiting.put(handle.key, handle);
            }
        }

        boolean remove(Handle handle) {
            Key key = handle.key;
            if (key != null && waiting.remove(key, handle)) {
                handle.key = null;
                return true;
            }
            return due.remove(handle);
        }

        void advance(long time) {
            now = Math.max(now, time - start);
            while (!waiting.isEmpty() && waiting.firstKey().sinceStart <= now) {
                Handle handle = waiting.pollFirstEntry().getValue();
                handle.key = null;
                due.add(handle);
            }
        }

        int size() {
            return waiting.size() + due.size();
        }
    }

    private static void advance(Wheel wheel, long now, int most) {
        wheel.advance(now, most);
        while (wheel.isMoving()) {
            wheel.advance(now, most);
        }
    }

    /** A time span of any size: as many spans have one digit as have nine. */
    private static long span(Random random, int mostBits) {
        int bits = random.nextInt(mostBits + 1);
        return bits == 0 ? 0 : random.nextLong() >>> (Long.SIZE - bits);
    }

    @ParameterizedTest(name = "from {0}, seed {1}, {2} moves at a time")
    @CsvSource({
        "0, 1, 2147483647",
        "123456789012345, 2, 1",
        "4611686018427387904, 3, 3", // 2^62
        "9223372036854775000, 4, 2147483647", // before the times become negative
        "-9223372036854775808, 5, 2", // where they begin again
        "-5000000000, 6, 7", // before all digits become zero
        "-1, 7, 1",
    })
    @DisplayName("does in 10^6 random steps what a sorted map does, over all levels and the wrap")
    void doesWhatASortedMapDoes(long start, long seed, int most) {
        Random random = new Random(seed);
        Model model = new Model(start);
        Wheel wheel = new Wheel(start);
        List<Handle> handles = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            handles.add(new Handle(i));
        }
        int steps = 1_000_000 / 7 + 1;
        long now = start;
        long lastDeadline = start;
        for (int step = 0; step < steps; step++) {
            Handle handle = handles.get(random.nextInt(handles.size()));
            int action = random.nextInt(100);
            if (action < 60) {
                // Spans up to some 73 years: the clock of the test advances by less than 2^62 in all.
                long deadline = action < 10 ? lastDeadline : now + span(random, 61) - random.nextInt(3);
                if (wheel.isMoving() && deadline - now < 0) {
                    // A time before the base is due behind all that are due already, whatever their times are.
                    deadline = now;
                }
                lastDeadline = deadline;
                boolean was = handle.slot != Entry.NOWHERE;
                if (was) {
                    wheel.remove(handle);
                }
                assertThat(model.remove(handle)).isEqualTo(was);
                wheel.put(handle, deadline);
                model.add(handle, deadline);
            } else if (action < 75) {
                boolean was = handle.slot != Entry.NOWHERE;
                if (was) {
                    wheel.remove(handle);
                }
                assertThat(model.remove(handle)).isEqualTo(was);
            } else if (action < 77 && wheel.isMoving()) {
                wheel.advance(now, most);
                if (!wheel.isMoving()) {
                    model.advance(now);
                }
            } else {
                // To the next time, or by a span that is seldom long.
                if (wheel.size() > 0
                        && random.nextInt(3) == 0
                        && wheel.next() - now > 0
                        && wheel.next() - now < 1L << 50) {
                    now = wheel.next();
                } else {
                    now += span(random, random.nextInt(50) == 0 ? 45 : 25);
                }
                if (random.nextInt(4) == 0) {
                    // Not to the end: what follows meets a wheel that moves entries.
                    wheel.advance(now, most);
                    if (wheel.isMoving()) {
                        continue;
                    }
                }
                advance(wheel, now, most);
                model.advance(now);
                int polls = random.nextInt(20);
                for (int i = 0; i < polls; i++) {
                    assertThat(wheel.poll()).as("step %d", step).isSameAs(model.due.poll());
                }
            }
            if (!wheel.isMoving()) {
                assertThat(wheel.size()).as("step %d", step).isEqualTo(model.size());
            }
            if (wheel.size() > 0 && !wheel.isMoving() && model.due.isEmpty()) {
                long next = wheel.next() - start;
                assertThat(next).as("step %d", step).isLessThanOrEqualTo(model.waiting.firstKey().sinceStart);
            }
        }
        now += Long.MAX_VALUE / 4;
        advance(wheel, now, most);
        model.advance(now);
        now += Long.MAX_VALUE / 4;
        advance(wheel, now, most);
        model.advance(now);
        for (int left = wheel.size(); left > 0; left--) {
            assertThat(wheel.poll()).isNotNull().isSameAs(model.due.poll());
        }
        assertThat(wheel.poll()).isNull();
        assertThat(model.size()).isZero();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 63, 64, 4095, 1L << 40, (1L << 60) - 1, Long.MAX_VALUE, Long.MIN_VALUE, -64, -1})
    @DisplayName("finds an entry exactly at its time, on each level, however the base stands")
    void findsAnEntryExactlyAtItsTime(long start) {
        for (int bit = 0; bit < Long.SIZE - 1; bit++) {
            for (long distance : new long[] {(1L << bit) - 1, 1L << bit, (1L << bit) + 1}) {
                if (distance <= 0) {
                    continue;
                }
                Wheel wheel = new Wheel(start);
                Handle handle = new Handle(bit);
                wheel.put(handle, start + distance);
                assertThat(wheel.next()).isEqualTo(start + distance);
                advance(wheel, start + distance - 1, ALL);
                assertThat(wheel.poll()).isNull();
                advance(wheel, start + distance, ALL);
                assertThat(wheel.poll()).isSameAs(handle);
                assertThat(wheel.size()).isZero();
            }
        }
    }

    @Test
    @DisplayName("holds no entry that was removed or taken")
    void holdsNoEntryThatIsGone() {
        Wheel wheel = new Wheel(0);
        Handle[] handles = {new Handle(0), new Handle(1), new Handle(2)};
        for (Handle handle : handles) {
            wheel.put(handle, 1_000_000);
        }
        wheel.remove(handles[1]);
        advance(wheel, 2_000_000, ALL);
        assertThat(wheel.poll()).isSameAs(handles[0]);
        assertThat(wheel.poll()).isSameAs(handles[2]);
        for (Handle handle : handles) {
            assertThat(handle.next).isNull();
            assertThat(handle.prev).isNull();
            assertThat(handle.slot).isEqualTo(Entry.NOWHERE);
        }
        assertThat(wheel.pollAny()).isNull();
    }

    @Test
    @DisplayName("keeps the order of one time while the entries of that time move, in steps, to lower levels")
    void keepsTheOrderWhileItMoves() {
        Wheel wheel = new Wheel(0);
        List<Handle> added = new ArrayList<>();
        long deadline = 3L << 20;
        for (int i = 0; i < 10; i++) {
            Handle handle = new Handle(i);
            added.add(handle);
            wheel.put(handle, deadline + i / 4);
        }
        wheel.advance(deadline, 3);
        assertThat(wheel.isMoving()).isTrue();
        Handle late = new Handle(99);
        wheel.put(late, deadline);
        added.add(4, late);
        advance(wheel, deadline + 10, 1);
        List<Entry> out = new ArrayList<>();
        for (Entry entry = wheel.poll(); entry != null; entry = wheel.poll()) {
            out.add(entry);
        }
        assertThat(out).isEqualTo(added);
    }

    @Test
    @DisplayName("has a million entries at once, and gives them out in order")
    void hasAMillionEntries() {
        Wheel wheel = new Wheel(0);
        Random random = new Random(11);
        int count = 1_000_000;
        for (int i = 0; i < count; i++) {
            wheel.put(new Handle(i), 1 + (random.nextLong() >>> 28));
        }
        assertThat(wheel.size()).isEqualTo(count);
        advance(wheel, 1L << 37, 256);
        long before = 0;
        for (int i = 0; i < count; i++) {
            Entry entry = wheel.poll();
            assertThat(entry != null && entry.deadline >= before).isTrue();
            before = entry == null ? 0 : entry.deadline;
        }
        assertThat(wheel.size()).isZero();
    }
}
