// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuSetTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0|0",
                "0-3,8|0-3,8",
                "0-15:2|0,2,4,6,8,10,12,14",
                "1-10:4|1,5,9",
                "5-5|5",
                "3,1,2,2|1-3",
                "' 0 , 2-3 \n'|0,2-3",
                "007|7",
                "0000000000000001|1",
                "63-64,127-128|63-64,127-128",
                "1048575|1048575",
                "0-1048575|0-1048575",
            })
    void listsAreReadAsTasksetUsersWriteThem(String list, String canonical) {
        assertThat(CpuSet.parse(list)).hasToString(canonical).isEqualTo(CpuSet.parse(canonical));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "7-3|7-3: a range goes up, write 3-7",
                "0,7-3|7-3: a range goes up, write 3-7 (in the CPU list 0,7-3)",
                "x|x: not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "0-x|0-x: x is not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "3-|3-: not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "1-2-3|1-2-3: 2-3 is not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "1.5|1.5: not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "+1|+1: not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "\u0661|\u0661: not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "0 1|0 1: not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "-1|-1: CPU numbers start at 0, there are no negative ones",
                "2,-1|-1: CPU numbers start at 0, there are no negative ones (in the CPU list 2,-1)",
                "-|-: not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "-x|-x: not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "0-3:0|0-3:0: a stride is 1 or more",
                "0-3:|0-3:: not a CPU number; write a list such as 0-3,8 or 0-15:2",
                "3:2|3:2: a stride needs a range in front of it, such as 0-15:2",
                "1048576|1048576: CPU numbers end at 1048575",
                "0-99999999999999999999|99999999999999999999: CPU numbers end at 1048575",
                "0x3|0x3: hexadecimal masks are not understood, write the list 0-1",
                "0xffffffffffffffffff|0xffffffffffffffffff: hexadecimal masks are not understood,"
                        + " write the list of CPUs, such as 0-3",
                "0,,1|an entry is empty: write one comma between two entries, none at the ends (in the CPU list 0,,1)",
                "0,|an entry is empty: write one comma between two entries, none at the ends (in the CPU list 0,)",
                "'0\n1'|0?1: not a CPU number; write a list such as 0-3,8 or 0-15:2",
            })
    void aListThatMakesNoSenseIsRefusedByNamingTheEntryAndTheRemedy(String list, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CpuSet.parse(list))
                .withMessage(message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "\n"})
    void anEmptyListIsAnErrorOfTheUserAndAnEmptySetOfTheKernel(String list) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CpuSet.parse(list))
                .withMessage("the CPU list is empty: name at least one CPU, such as 0 or 0-3,8");
        assertThat(CpuSet.parseKernel(list)).isSameAs(CpuSet.empty());
    }

    @Test
    void aMessageStaysOnOneShortLineWhateverWasTyped() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CpuSet.parse("1,\u001b[31m" + "z".repeat(10_000)))
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(300).doesNotContain("\u001b", "\n"));
    }

    @Test
    void numbersOutOfRangeAreRefusedByName() {
        assertThatIllegalArgumentException().isThrownBy(() -> CpuSet.of(1, -2)).withMessageStartingWith("-2: ");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CpuSet.of(CpuSet.LIMIT))
                .withMessage("1048576: CPU numbers end at 1048575");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CpuSet.range(3, 1))
                .withMessage("3-1: a range goes up, write 1-3");
        long[] mask = new long[CpuSet.LIMIT / 64 + 1];
        mask[mask.length - 1] = 1;
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CpuSet.fromMask(mask))
                .withMessage("1048576: CPU numbers end at 1048575");
    }

    @Test
    void theEmptySetHasNoFirstNoLastAndNoText() {
        assertThat(CpuSet.empty()).hasToString("").isEmpty();
        assertThat(CpuSet.empty().first()).isEqualTo(-1);
        assertThat(CpuSet.empty().last()).isEqualTo(-1);
        assertThat(CpuSet.empty().toMask()).isEmpty();
        assertThat(CpuSet.of()).isSameAs(CpuSet.empty());
        assertThat(CpuSet.fromMask(new long[3])).isSameAs(CpuSet.empty());
    }

    @Test
    void aMaskHasOneBitForEachCpuAndIsPaddedOnRequest() {
        CpuSet set = CpuSet.of(0, 63, 64, 130);
        assertThat(set.toMask()).containsExactly(1L | 1L << 63, 1, 4);
        assertThat(set.toMask(5)).containsExactly(1L | 1L << 63, 1, 4, 0, 0);
        assertThat(set.toMask(1)).hasSize(3);
    }

    @Test
    void aSetDoesNotChangeWithTheMaskItCameFromOrGave() {
        long[] mask = {5};
        CpuSet set = CpuSet.fromMask(mask);
        mask[0] = 0;
        set.toMask()[0] = 0;
        assertThat(set).isEqualTo(CpuSet.of(0, 2));
    }

    @Test
    void setsBehaveLikeBitSets() {
        Random random = new Random(42);
        for (int round = 0; round < 2_000; round++) {
            BitSet a = bits(random);
            BitSet b = bits(random);
            CpuSet x = CpuSet.fromMask(a.toLongArray());
            CpuSet y = CpuSet.of(b.stream().toArray());

            assertThat(x.toMask()).isEqualTo(a.toLongArray());
            assertThat(x.size()).isEqualTo(a.cardinality());
            assertThat(x.first()).isEqualTo(a.nextSetBit(0));
            assertThat(x.last()).isEqualTo(a.length() - 1);
            assertThat(x.isEmpty()).isEqualTo(a.isEmpty());
            assertThat(x.stream().toArray()).isEqualTo(a.stream().toArray());
            assertThat(x.equals(y)).isEqualTo(a.equals(b));
            for (int i = 0; i < 20; i++) {
                int cpu = random.nextInt(400) - 10;
                assertThat(x.contains(cpu)).isEqualTo(cpu >= 0 && a.get(cpu));
            }

            BitSet and = (BitSet) a.clone();
            and.and(b);
            BitSet or = (BitSet) a.clone();
            or.or(b);
            BitSet minus = (BitSet) a.clone();
            minus.andNot(b);
            assertThat(x.and(y)).isEqualTo(set(and)).hasSameHashCodeAs(set(and));
            assertThat(x.or(y)).isEqualTo(set(or)).hasSameHashCodeAs(set(or));
            assertThat(x.minus(y)).isEqualTo(set(minus)).hasSameHashCodeAs(set(minus));
            assertThat(x.containsAll(y)).isEqualTo(or.equals(a));
            assertThat(x.containsAll(x.and(y))).isTrue();

            List<Integer> iterated = new ArrayList<>();
            x.forEach(iterated::add);
            assertThat(iterated).isEqualTo(a.stream().boxed().toList());
            assertThat(CpuSet.parseKernel(x.toString())).isEqualTo(x);
        }
    }

    private static CpuSet set(BitSet bits) {
        return CpuSet.fromMask(bits.toLongArray());
    }

    /** Sparse and dense ones, across word borders. */
    private static BitSet bits(Random random) {
        BitSet bits = new BitSet();
        int runs = random.nextInt(6);
        for (int i = 0; i < runs; i++) {
            int first = random.nextInt(320);
            bits.set(first, first + 1 + random.nextInt(random.nextBoolean() ? 1 : 80));
        }
        return bits;
    }
}
