// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.dispatch.Faces;
import org.percpu.dispatch.NativeInbox;
import org.percpu.dispatch.PostedWork;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.ipl.SplSupport;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;

/** A thread of its own for each piece of test code, at a level of the mode under test. */
final class Levels {
    /** Code on a thread with a level. */
    @FunctionalInterface
    interface Code {
        void run(Spl spl) throws Exception;
    }

    static final int PLACES = 4096;

    private Levels() {}

    static void needLibrary() {
        Machine.skipUnless(
                SplSupport.get().library() != null,
                "needs libpercpu.so: " + SplSupport.get().reason());
    }

    /** Runs code to its end on a fresh thread. */
    static void on(SplMode mode, Code code) {
        on(mode, Bounded.SECONDS, code);
    }

    /** The same for code that takes longer. */
    static void on(SplMode mode, long seconds, Code code) {
        if (mode == SplMode.LAZY) {
            needLibrary();
        }
        List<Throwable> faults = new ArrayList<>();
        var task = Bounded.startCode("level " + mode, () -> {
            Spl spl = Spl.current();
            spl.setMode(mode);
            Receiver.current().onFault((line, thrown) -> faults.add(new AssertionError(line + " threw", thrown)));
            code.run(spl);
        });
        assertThat(Bounded.join(task, seconds)).isTrue();
        if (!faults.isEmpty()) {
            throw new AssertionError(faults.get(0));
        }
    }

    /** Opens and closes until the memory of something closed is used again: the low bits of a handle are its place. */
    static <T> T at(long place, Supplier<T> open, ToLongFunction<T> handle, Consumer<T> close) {
        for (int i = 0; i <= PLACES; i++) {
            T next = open.get();
            if (place(handle.applyAsLong(next)) == place) {
                return next;
            }
            close.accept(next);
        }
        throw new AssertionError("memory " + place + " is never used again");
    }

    static long place(long handle) {
        return handle % PLACES;
    }

    /** A work as the queues make them. */
    static NativeWork work(String name, Ipl ipl, NativeInbox inbox, Runnable append) {
        return Faces.of(new PostedWork(name, null, ipl.rank(), inbox, append), NativeWork.class);
    }

    /** A line that writes its value and the level it ran at. */
    static InterruptLine recording(Receiver receiver, Ipl ipl, List<String> into) {
        return InterruptLine.establish(
                receiver,
                ipl.name(),
                ipl,
                value -> into.add(ipl + "=" + value + "@" + Spl.current().level()));
    }

    /** A line with a signal at each level that can have one: only then is there anything for a level to mask. None without the library. */
    static List<InterruptLine> linesOfEveryLevel(Spl spl) {
        List<InterruptLine> lines = new ArrayList<>();
        if (SplSupport.get().library() == null) {
            return lines;
        }
        for (Ipl ipl : Ipl.values()) {
            if (SplSupport.get().signals().get(ipl.rank()) != 0) {
                InterruptLine line = InterruptLine.establish(Receiver.current(), "of " + ipl, ipl, value -> {});
                assertThat(line.signal()).isPositive();
                lines.add(line);
            }
        }
        return lines;
    }

    /** A receiver on a thread that does nothing but wait for interrupts, until closed. */
    static final class Waiting implements AutoCloseable {
        final Receiver receiver;
        private final Thread thread;
        private volatile boolean closed;

        Waiting() {
            this(SplMode.LAZY);
        }

        Waiting(SplMode mode) {
            AtomicReference<Receiver> made = new AtomicReference<>();
            thread = new Thread(() -> {
                Spl mine = Spl.current();
                mine.setMode(mode);
                Receiver self = Receiver.current();
                made.set(self);
                while (!closed) {
                    int ran = self.awaitInterrupt(LinuxCalls.FOREVER);
                    assert ran >= 0;
                }
            });
            thread.setDaemon(true);
            thread.start();
            Bounded.until("the receiver has a level", () -> made.get() != null);
            receiver = made.get();
        }

        @Override
        public void close() {
            closed = true;
            receiver.wakeup();
            try {
                thread.join(10_000);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            if (thread.isAlive()) {
                throw new AssertionError("the receiver does not end");
            }
        }
    }
}
