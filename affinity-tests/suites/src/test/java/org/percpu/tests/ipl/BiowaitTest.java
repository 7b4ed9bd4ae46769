// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.TestKernel;

/** biowait: a thread sleeps until a handler on the same thread wakes it. */
@Timeout(120)
class BiowaitTest {
    private static final long SOON_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final int ROUNDS = 5;
    private static final long GIVE_UP_SECONDS = 3;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    @BeforeEach
    void library() {
        Levels.needLibrary();
    }

    /** Where the interrupt comes from. */
    enum Source {
        ANOTHER_THREAD {
            @Override
            void trigger(InterruptLine line, long pthread) {
                assertThat(line.trigger(7)).isTrue();
            }
        },
        C_CODE {
            @Override
            void trigger(InterruptLine line, long pthread) {
                long done = Machine.linux().call(InterruptLine.triggerFunction(), line.handle(), 7, 0, 0, 0, 0);
                assertThat(done).isZero();
            }
        },
        SIGNAL {
            @Override
            void trigger(InterruptLine line, long pthread) {
                assertThat(Machine.linux().pthread_sigqueue(pthread, line.signal(), 7))
                        .isZero();
            }
        },
        SIGNAL_OF_THE_PROCESS {
            @Override
            void trigger(InterruptLine line, long pthread) {
                LinuxCalls linux = Machine.linux();
                assertThat(linux.sigqueue(linux.getpid(), line.signal(), 7)).isZero();
            }
        };

        abstract void trigger(InterruptLine line, long pthread);
    }

    private static Stream<Arguments> napsAndSources() {
        return Stream.of(Nap.values())
                .flatMap(nap -> Stream.of(Source.values()).map(source -> Arguments.of(nap, source)));
    }

    @ParameterizedTest
    @MethodSource("napsAndSources")
    @DisplayName("biowait: an interrupt on the thread that sleeps runs there, and what it wakes is awake in 10 ms")
    void handlerOfTheSleepingThreadEndsTheSleep(Nap nap, Source source) throws Exception {
        long shortest = Long.MAX_VALUE;
        for (int i = 0; i < ROUNDS && shortest >= SOON_NANOS; i++) {
            shortest = Math.min(shortest, nanosToWake(nap, source));
        }
        assertThat(shortest).isLessThan(SOON_NANOS);
    }

    private long nanosToWake(Nap nap, Source source) throws Exception {
        Scene scene = new Scene(test.get());
        nap.in(scene);
        AtomicReference<InterruptLine> line = new AtomicReference<>();
        AtomicReference<Thread> ranOn = new AtomicReference<>();
        Sleeper sleeper = new Sleeper(() -> {
            line.set(InterruptLine.establish(Receiver.current(), "bio", scene.ipl, value -> {
                ranOn.set(Thread.currentThread());
                scene.handler.run();
            }));
            line.get().signal();
            return scene.sleep::run;
        });
        try (InterruptLine open = line.get()) {
            Bounded.until("it sleeps", () -> scene.asleep.test(sleeper.thread));
            long start = System.nanoTime();
            source.trigger(open, sleeper.pthread);
            boolean inTime = sleeper.endsWithin(GIVE_UP_SECONDS);
            if (!inTime) {
                scene.handler.run();
            }
            long end = Bounded.join(sleeper.end);
            assertThat(inTime).as("the sleep ended by itself").isTrue();
            assertThat(ranOn.get()).isSameAs(sleeper.thread);
            return end - start;
        }
    }
}
