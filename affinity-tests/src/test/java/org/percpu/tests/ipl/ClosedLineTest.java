// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.ipl.InterruptLine;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.SplMode;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;

/** Lines that are closed, or forgotten, and what becomes of their native memory. */
@Timeout(120)
class ClosedLineTest {
    @BeforeEach
    void library() {
        Levels.needLibrary();
    }

    @Test
    @DisplayName("Bad input: the memory of lines that nobody closed, of a thread that has ended, stays with their handles")
    void forgottenLinesKeepTheirMemory() {
        long[] handles = new long[16];
        List<WeakReference<InterruptLine>> lines = new ArrayList<>();
        Levels.on(SplMode.LAZY, spl -> {
            for (int i = 0; i < handles.length; i++) {
                InterruptLine line = InterruptLine.establish(spl, "forgotten", Ipl.VM, value -> {});
                handles[i] = line.handle();
                lines.add(new WeakReference<>(line));
            }
        });
        Bounded.until("the lines are collected", () -> {
            System.gc();
            return lines.stream().allMatch(line -> line.get() == null);
        });
        long trigger = InterruptLine.triggerFunction();
        List<ByteBuffer> elsewhere = new ArrayList<>();
        for (int round = 0; round < 5; round++) {
            System.gc();
            for (int i = 0; i < 2 * handles.length; i++) {
                // Zeroed: what it takes from a line is a handle no more.
                elsewhere.add(ByteBuffer.allocateDirect(33_000));
            }
            for (long handle : handles) {
                assertThat(Machine.linux().call(trigger, handle, round, 0, 0, 0, 0)).isZero();
            }
        }
        assertThat(elsewhere).isNotEmpty();
    }
}
