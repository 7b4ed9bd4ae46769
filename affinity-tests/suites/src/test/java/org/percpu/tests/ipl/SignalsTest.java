// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.dispatch.NativeInbox;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.ipl.SplSupport;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Deployment;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;

/** Who has which signal, and who has which handle: lines that come and go, and several copies of percpu in one process. */
@Timeout(180)
class SignalsTest {
    private static final Path TIMERS = Path.of("/proc/self/timers");

    @BeforeEach
    void library() {
        Levels.needLibrary();
    }

    private static long bit(int signal) {
        return 1L << (signal - 1);
    }

    @Test
    @DisplayName("a line takes a signal when it needs one, and gives it back when it is closed")
    void signalIsTakenAndGivenBack() {
        Levels.on(SplMode.LAZY, spl -> {
            long before = Proc.signalsCaught();
            InterruptLine line = InterruptLine.establish(Receiver.current(), "line", Ipl.VM, value -> {});
            assertThat(line.trigger(1)).isTrue();
            assertThat(spl.poll()).isEqualTo(1);
            assertThat(Proc.signalsCaught()).isEqualTo(before);
            int signal = line.signal();
            assertThat(Proc.signalsCaught()).isEqualTo(before | bit(signal));
            assertThat(SplSupport.mask(Ipl.VM) & bit(signal)).isNotZero();
            line.close();
            assertThat(Proc.signalsCaught()).isEqualTo(before);
            assertThat(SplSupport.mask(Ipl.HIGH) & bit(signal)).isZero();
        });
    }

    /** Signals of a line that is closed are pending: for the process, for its receiver and for another thread, all of which have them blocked. */
    static final class ClosedWithPending {
        private ClosedWithPending() {}

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            for (int round = 0; round < 200; round++) {
                Levels.on(SplMode.EAGER, spl -> {
                    InterruptLine line = InterruptLine.establish(Receiver.current(), "line", Ipl.VM, value -> {});
                    int signal = line.signal();
                    int s = spl.splhigh();
                    assertThat(linux.pthread_sigqueue(linux.pthread_self(), signal, 1))
                            .isZero();
                    var other = Bounded.startCode("other", () -> {
                        assertThat(linux.pthread_sigmask(LinuxCalls.SIG_BLOCK, new long[] {bit(signal)}, null))
                                .isZero();
                        assertThat(linux.pthread_sigqueue(linux.pthread_self(), signal, 2))
                                .isZero();
                        line.close();
                        assertThat(linux.pthread_sigmask(LinuxCalls.SIG_UNBLOCK, new long[] {bit(signal)}, null))
                                .isZero();
                    });
                    assertThat(Bounded.join(other)).isTrue();
                    spl.splx(s);
                    assertThat(Proc.signalsBlocked(linux.gettid()) & bit(signal))
                            .isZero();
                    assertThat(Proc.signalsCaught() & bit(signal)).isZero();
                });
            }
            System.out.println("alive");
        }
    }

    @Test
    @DisplayName("signals that are pending when their line is closed are thrown away, and end nothing")
    void signalsThatArePendingEndNothing() {
        assertThat(Fork.of(ClosedWithPending.class).run()).contains("alive");
    }

    @Test
    @DisplayName("a closed line has no timer left")
    void closedLineHasNoTimer() throws IOException {
        Machine.skipUnless(Files.isReadable(TIMERS), "the kernel lists no timers in " + TIMERS);
        List<String> before = Files.readAllLines(TIMERS);
        Levels.on(SplMode.LAZY, spl -> {
            InterruptLine line = InterruptLine.establish(Receiver.current(), "line", Ipl.VM, value -> {});
            line.timer(3_600_000_000_000L, 3_600_000_000_000L, 1);
            assertThat(Files.readAllLines(TIMERS)).hasSizeGreaterThan(before.size());
            line.close();
            assertThat(Files.readAllLines(TIMERS)).isEqualTo(before);
        });
    }

    /** All signals were ignored when the process began. */
    static final class Ignored {
        private Ignored() {}

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            Levels.on(SplMode.LAZY, spl -> {
                List<Long> values = new ArrayList<>();
                InterruptLine line = InterruptLine.establish(Receiver.current(), "line", Ipl.VM, values::add);
                long before = Proc.signalsIgnored();
                int signal = line.signal();
                assertThat(before & bit(signal)).isNotZero();
                assertThat(linux.sigqueue(linux.getpid(), signal, 7)).isZero();
                Bounded.until("the value is there", () -> spl.poll() == 1);
                assertThat(values).containsExactly(7L);
                line.close();
                assertThat(Proc.signalsIgnored()).isEqualTo(before);
                System.out.println(
                        "signals for further lines " + SplSupport.get().freeSignals());
            });
        }
    }

    @Test
    @DisplayName("a JVM that was started with all signals ignored can use them, and they are ignored again afterwards")
    void ignoredSignalsCanBeUsed() {
        Machine.needsCommand("env(1) cannot ignore signals here", "env", "--ignore-signal", "true");
        assertThat(Fork.of(Ignored.class).under("env", "--ignore-signal").run())
                .containsPattern("signals for further lines [1-9]");
    }

    /** What a copy of percpu is told to do. */
    static final class Copy implements Function<Object[], Object> {
        private final List<InterruptLine> lines = new ArrayList<>();
        private final List<NativeWork> works = new ArrayList<>();
        private long sum;

        Copy() {}

        @Override
        public Object apply(Object[] command) {
            Spl spl = Spl.current();
            switch ((String) command[0]) {
                case "signal" -> {
                    InterruptLine line =
                            InterruptLine.establish(Receiver.current(), "of a copy", Ipl.VM, value -> sum += value);
                    lines.add(line);
                    return (long) line.signal();
                }
                case "all" -> {
                    try {
                        while (true) {
                            long signal = (Long) apply(new Object[] {"signal"});
                            assertThat(signal).isPositive();
                        }
                    } catch (LinuxException e) {
                        return String.valueOf(e.getMessage());
                    }
                }
                case "free" -> {
                    return (long) SplSupport.get().freeSignals();
                }
                case "watch" -> {
                    lines.get(0).watch((Integer) command[1]);
                    return 0L;
                }
                case "poll" -> {
                    int ran = spl.poll();
                    assertThat(ran).isNotNegative();
                    return sum;
                }
                case "open" -> {
                    ByteBuffer bell = Machine.linux().allocate(Integer.BYTES);
                    NativeInbox inbox = new NativeInbox(Machine.linux().address(bell), () -> {});
                    NativeWork work = Levels.work("of a copy", Ipl.HIGH, inbox, () -> sum++);
                    works.add(work);
                    long handle = work.handle();
                    assertThat(Machine.linux().call(NativeWork.postFunction(), handle, 1, 0, 0, 0, 0))
                            .isZero();
                    inbox.moveAll();
                    return handle;
                }
                case "post" -> {
                    return NativeWork.postFunction();
                }
                default -> {
                    lines.forEach(InterruptLine::close);
                    lines.clear();
                    works.forEach(work -> {
                        assertThat(work.drain(value -> {})).isNotNegative();
                        work.close();
                    });
                    works.clear();
                    return (long) SplSupport.openHandles();
                }
            }
        }
    }

    /** Two copies want signals. */
    static final class TwoCopies {
        private TwoCopies() {}

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            try (Deployment a = new Deployment(Copy.class);
                    Deployment b = new Deployment(Copy.class)) {
                int first = (int) a.number("signal");
                int second = (int) b.number("signal");
                assertThat(first).isNotEqualTo(second);
                assertThat(linux.pthread_sigqueue(linux.pthread_self(), first, 10))
                        .isZero();
                assertThat(linux.pthread_sigqueue(linux.pthread_self(), second, 200))
                        .isZero();
                assertThat(a.number("poll")).isEqualTo(10);
                assertThat(b.number("poll")).isEqualTo(200);
                ByteBuffer pair = ByteBuffer.allocateDirect(2 * Integer.BYTES).order(ByteOrder.nativeOrder());
                long pipe = linux.dlsym(linux.dlopen(null), "pipe");
                for (Deployment copy : List.of(a, b)) {
                    assertThat((int) linux.call(pipe, linux.address(pair), 0, 0, 0, 0, 0))
                            .isZero();
                    assertThat(copy.number("watch", pair.getInt(0))).isZero();
                }
                assertThat(Proc.signalsCaught() & bit(29)).isNotZero();
                String refusal = (String) a.call("all");
                assertThat(refusal)
                        .contains("no signal is free", "another copy of percpu in this process has 1", "close a line");
                refusal = (String) b.call("all");
                assertThat(refusal)
                        .contains("of this copy of percpu have 1, another copy of percpu in this process has");
                assertThat(b.number("free")).isZero();
                assertThat(a.number("close")).isZero();
                assertThat(b.number("free")).isPositive();
                assertThat(b.number("signal")).isPositive();
                assertThat(b.number("close")).isZero();
                assertThat(Proc.signalsCaught() & (bit(first) | bit(second))).isZero();
            }
            System.out.println("shared");
        }
    }

    @Test
    @DisplayName("two copies of the library in a process take different signals, and each says who has the others")
    void copiesOfTheLibraryShareTheSignals() {
        assertThat(Fork.of(TwoCopies.class).run()).contains("shared");
    }

    /** Two copies of the Java side, and one of libpercpu. */
    static final class OneLibrary {
        private OneLibrary() {}

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            try (Deployment a = new Deployment(Copy.class);
                    Deployment b = new Deployment(Copy.class)) {
                assertThat(a.number("post")).isEqualTo(b.number("post"));
                long first = a.number("open");
                long second = b.number("open");
                assertThat(first).isNotEqualTo(second);
                assertThat(a.number("poll")).isEqualTo(1);
                assertThat(b.number("poll")).isEqualTo(1);
                int of = (int) a.number("signal");
                int other = (int) b.number("signal");
                for (int i = 0; i < 3; i++) {
                    assertThat(linux.pthread_sigqueue(linux.pthread_self(), of, 10))
                            .isZero();
                    assertThat(linux.pthread_sigqueue(linux.pthread_self(), other, 200))
                            .isZero();
                }
                assertThat(a.number("poll")).isEqualTo(31);
                assertThat(b.number("poll")).isEqualTo(601);
                assertThat(a.number("close")).isEqualTo(2);
                assertThat(b.number("close")).isZero();
            }
            System.out.println("apart");
        }
    }

    @Test
    @DisplayName("two copies that share one libpercpu.so give out different handles, and a thread serves lines of both")
    void copiesThatShareTheLibraryHaveHandlesOfTheirOwn() {
        assertThat(Fork.of(OneLibrary.class)
                        .option("-Dpercpu.library.path=" + SplSupportFile.copied())
                        .run())
                .contains("apart");
    }

    /** Handles that outlive the class loader of their works. */
    static final class Unloaded {
        private Unloaded() {}

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            long[] handle = new long[1];
            long[] post = new long[1];
            List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                // A thread of its own, or the level of this one would keep the loader.
                Bounded.run("deployed", () -> {
                    try (Deployment copy = new Deployment(Copy.class)) {
                        handle[0] = copy.number("open");
                        post[0] = copy.number("post");
                        assertThat(copy.number("signal")).isPositive();
                        assertThat(copy.number("close")).isZero();
                        loaders.add(new WeakReference<>(copy.loader()));
                    }
                });
                Bounded.until("the loader is collected", () -> {
                    System.gc();
                    return loaders.stream().allMatch(loader -> loader.get() == null);
                });
                for (int round = 0; round < 1000; round++) {
                    assertThat(linux.call(post[0], handle[0], 1, 0, 0, 0, 0)).isEqualTo(-Errno.EINVAL.number());
                }
            }
            System.out.println("refused");
        }
    }

    @Test
    @DisplayName("a closed handle is refused also after the class loader of its work was collected")
    void handlesOutliveTheLoader() {
        Machine.skipUnless(
                Machine.linux().backend().equals("ffm"),
                "JNA itself keeps the class loader of the functions that it has linked");
        // With that, memory that is freed is unmapped.
        assertThat(Fork.of(Unloaded.class)
                        .under("env", "MALLOC_MMAP_THRESHOLD_=4096")
                        .run())
                .contains("refused");
    }
}
