// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
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
    /** The low bits of a handle are the place of its memory. */
    private static final int PORTS = 4096;

    @BeforeEach
    void library() {
        Levels.needLibrary();
    }

    private static long place(InterruptLine line) {
        return line.handle() % PORTS;
    }

    /** Lines come and go until one gets the memory of a line that is closed. */
    private static InterruptLine at(long place, Supplier<InterruptLine> establish) {
        for (int i = 0; i <= PORTS; i++) {
            InterruptLine line = establish.get();
            if (place(line) == place) {
                return line;
            }
            line.close();
        }
        throw new AssertionError("memory " + place + " is never used again");
    }

    @Test
    @DisplayName("memory that is in use when its line is closed is used again, but not before")
    void memoryInUseIsKeptUntilItIsNot() {
        try (Levels.Waiting other = new Levels.Waiting()) {
            Levels.Waiting receiver = new Levels.Waiting();
            Semaphore inside = new Semaphore(0);
            Semaphore gate = new Semaphore(0);
            InterruptLine line = InterruptLine.establish(receiver.spl, "long", Ipl.VM, value -> {
                inside.release();
                Bounded.acquire(gate, 1);
            });
            long place = place(line);
            assertThat(line.trigger(1)).isTrue();
            Bounded.acquire(inside, 1);
            line.close();
            for (int i = 0; i < 100; i++) {
                try (InterruptLine next = InterruptLine.establish(other.spl, "next", Ipl.VM, value -> {})) {
                    assertThat(place(next)).isNotEqualTo(place);
                }
            }
            gate.release();
            AtomicLong handled = new AtomicLong();
            receiver.close(); // the handler has returned
            InterruptLine next = at(place, () -> InterruptLine.establish(other.spl, "n", Ipl.VM, handled::addAndGet));
            assertThat(next.trigger(3)).isTrue();
            Bounded.until("the next line works", () -> handled.get() == 3);
            next.close();
        }
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
