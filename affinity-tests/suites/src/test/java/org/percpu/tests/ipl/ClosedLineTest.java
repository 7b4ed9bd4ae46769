// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
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

    private static long place(InterruptLine line) {
        return Levels.place(line.handle());
    }

    private static InterruptLine at(long place, Supplier<InterruptLine> establish) {
        return Levels.at(place, establish, InterruptLine::handle, InterruptLine::close);
    }

    private static void assertClosed(ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOf(ErrnoException.class)
                .hasMessageContaining("EINVAL")
                .hasMessageContaining("closed");
    }

    @Test
    @DisplayName("Bad input: a closed line does nothing to the next owner of its memory")
    void closedLineLeavesTheNextOwnerOfItsMemoryAlone() {
        Levels.on(SplMode.LAZY, spl -> {
            List<Long> values = new ArrayList<>();
            InterruptLine first = InterruptLine.establish(Receiver.current(), "first", Ipl.VM, value -> {});
            int signal = first.signal();
            assertThat(Machine.linux().pthread_sigqueue(Machine.linux().pthread_self(), signal, 1))
                    .isZero();
            assertThat(spl.poll()).isEqualTo(1);
            long place = place(first);
            first.close();
            InterruptLine.State last = first.state();
            assertThat(last.received()).isEqualTo(1);
            try (InterruptLine next =
                    at(place, () -> InterruptLine.establish(Receiver.current(), "next", Ipl.AUDIO, values::add))) {
                assertThat(first.handle()).isZero();
                assertThat(next.handle()).isPositive();
                assertClosed(first::trigger);
                assertClosed(() -> first.trigger(5));
                assertClosed(first::signal);
                assertClosed(() -> first.timer(1, 0, 0));
                assertClosed(() -> first.watch(0));
                assertThat(spl.poll()).isZero();
                assertThat(next.trigger(6)).isTrue();
                assertThat(spl.poll()).isEqualTo(1);
                assertThat(values).containsExactly(6L);
                assertThat(Machine.linux().pthread_sigqueue(Machine.linux().pthread_self(), next.signal(), 7))
                        .isZero();
                assertThat(first.state()).isEqualTo(last);
                assertThat(spl.poll()).isEqualTo(1);
                assertThat(values).containsExactly(6L, 7L);
            }
        });
    }

    @Test
    @DisplayName("a line that a handler of its level has closed and replaced takes none of the next one's values")
    void lineReplacedWhileItsLevelRunsTakesNothing() {
        Levels.on(SplMode.LAZY, spl -> {
            List<Long> replaced = new ArrayList<>();
            List<Long> next = new ArrayList<>();
            InterruptLine[] lines = new InterruptLine[3];
            lines[0] = InterruptLine.establish(Receiver.current(), "replacing", Ipl.VM, value -> {
                long place = place(lines[1]);
                lines[1].close();
                lines[2] =
                        at(place, () -> InterruptLine.establish(Receiver.current(), "next", Ipl.SOFTCLOCK, next::add));
                assertThat(lines[2].trigger(7)).isTrue();
                assertThat(lines[2].trigger()).isTrue();
            });
            lines[1] = InterruptLine.establish(Receiver.current(), "replaced", Ipl.VM, replaced::add);
            assertThat(lines[0].trigger(1)).isTrue();
            assertThat(spl.poll()).isEqualTo(3);
            assertThat(replaced).isEmpty();
            assertThat(next).containsExactly(0L, 7L);
            lines[2].close();
            lines[0].close();
        });
    }

    @Test
    @DisplayName("memory that is in use when its line is closed is used again, but not before")
    void memoryInUseIsKeptUntilItIsNot() {
        try (Levels.Waiting other = new Levels.Waiting()) {
            Levels.Waiting receiver = new Levels.Waiting();
            Semaphore inside = new Semaphore(0);
            Semaphore gate = new Semaphore(0);
            InterruptLine line = InterruptLine.establish(receiver.receiver, "long", Ipl.VM, value -> {
                inside.release();
                Bounded.acquire(gate, 1);
            });
            long place = place(line);
            assertThat(line.trigger(1)).isTrue();
            Bounded.acquire(inside, 1);
            line.close();
            for (int i = 0; i < 100; i++) {
                try (InterruptLine next = InterruptLine.establish(other.receiver, "next", Ipl.VM, value -> {})) {
                    assertThat(place(next)).isNotEqualTo(place);
                }
            }
            gate.release();
            AtomicLong handled = new AtomicLong();
            receiver.close(); // the handler has returned
            InterruptLine next =
                    at(place, () -> InterruptLine.establish(other.receiver, "n", Ipl.VM, handled::addAndGet));
            assertThat(next.trigger(3)).isTrue();
            Bounded.until("the next line works", () -> handled.get() == 3);
            next.close();
        }
    }

    @Test
    @DisplayName(
            "Bad input: the memory of lines that nobody closed, of a thread that has ended, stays with their handles")
    void forgottenLinesKeepTheirMemory() {
        long[] handles = new long[16];
        List<WeakReference<InterruptLine>> lines = new ArrayList<>();
        Levels.on(SplMode.LAZY, spl -> {
            for (int i = 0; i < handles.length; i++) {
                InterruptLine line = InterruptLine.establish(Receiver.current(), "forgotten", Ipl.VM, value -> {});
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
                assertThat(Machine.linux().call(trigger, handle, round, 0, 0, 0, 0))
                        .isZero();
            }
        }
        assertThat(elsewhere).isNotEmpty();
    }
}
