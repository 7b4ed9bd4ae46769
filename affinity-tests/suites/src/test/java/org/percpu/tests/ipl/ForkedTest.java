// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.Platform;
import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.ipl.SplMode;
import org.percpu.ipl.SplSupport;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;

/** What needs a process of its own: other libraries, environments, limits, and what could take the process with it. */
@Tag("costly")
@Timeout(180)
class ForkedTest {
    @TempDir
    Path folder;

    private Path library() throws IOException {
        Levels.needLibrary();
        return SplSupportFile.copiedTo(folder);
    }

    /** Prints how the first use of levels ends. */
    static final class FirstUse {
        private FirstUse() {}

        public static void main(String[] args) {
            try {
                System.out.println("mode " + Spl.current().mode() + " library "
                        + SplSupport.get().library());
                System.out.println("reason " + SplSupport.get().reason() + " off "
                        + SplSupport.get().off() + " skipped "
                        + SplSupport.get().skipped());
            } catch (RuntimeException e) {
                System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
            }
        }
    }

    @Test
    void libraryIsTakenFromTheNamedFileOrFolder() throws IOException {
        Path file = library();
        assertThat(Fork.of(FirstUse.class)
                        .option("-Dpercpu.library.path=" + file)
                        .run())
                .contains("mode LAZY library " + file);
        assertThat(Fork.of(FirstUse.class)
                        .option("-Dpercpu.library.path=" + folder)
                        .option("-Dpercpu.spl=eager")
                        .run())
                .contains("mode EAGER library " + file);
    }

    @Test
    @DisplayName("Bad input: a libpercpu.so that is cut short, damaged, foreign or of another version is a clear error")
    void damagedLibraryIsRefused() throws IOException {
        Path file = library();
        byte[] whole = Files.readAllBytes(file);
        String option = "-Dpercpu.library.path=" + file;

        Files.write(file, java.util.Arrays.copyOf(whole, whole.length / 2));
        assertThat(Fork.of(FirstUse.class).option(option).run())
                .contains("UnsupportedOp")
                .contains("cut short");

        Files.writeString(file, "no library");
        assertThat(Fork.of(FirstUse.class).option(option).run())
                .contains("UnsupportedOp")
                .contains("no 64-bit ELF");

        byte[] foreign = whole.clone();
        foreign[18] = 40;
        Files.write(file, foreign);
        assertThat(Fork.of(FirstUse.class).option(option).run()).contains("another processor");

        byte[] older = whole.clone();
        int at = indexOf(older, new byte[] {0, 0x55, 0x50, 0x43, 0x50});
        Machine.skipUnless(at >= 3, "the version is not found as plain bytes in this build of the library");
        older[at - 3] = 7;
        Files.write(file, older);
        assertThat(Fork.of(FirstUse.class).option(option).run())
                .contains("another version")
                .contains("0x5043505500000007");

        Files.delete(file);
        assertThat(Fork.of(FirstUse.class).option(option).run()).contains("cannot be read");
    }

    private static int indexOf(byte[] bytes, byte[] word) {
        for (int i = 0; i + word.length <= bytes.length; i++) {
            if (java.util.Arrays.equals(bytes, i, i + word.length, word, 0, word.length)) {
                return i;
            }
        }
        return -1;
    }

    @ParameterizedTest
    @ValueSource(strings = {"noexec", "ro"})
    @DisplayName("Where the temporary folder is mounted noexec or read-only, the library is loaded from memory")
    void libraryNeedsNoFolder(String option) throws IOException {
        Levels.needLibrary();
        Path mounted = Files.createDirectory(folder.resolve(option));
        String[] mount = {
            "unshare",
            "--mount",
            "sh",
            "-c",
            "mount -t tmpfs -o " + option + " percpu \"$0\" && exec \"$@\"",
            mounted.toString()
        };
        List<String> probe = new ArrayList<>(List.of(mount));
        probe.add("true");
        Machine.needsCommand("no file system can be mounted here", probe.toArray(String[]::new));
        assertThat(Fork.of(FirstUse.class)
                        .under(mount)
                        .option("-Djava.io.tmpdir=" + mounted)
                        .run())
                .contains("mode LAZY library /proc/self/fd/")
                .contains("reason from the jar off []");
    }

    /** No file may become as long as libpercpu.so is. The library of JNA has its place already: it is not what is to be missing. */
    private Fork withoutLongFiles(Class<?> program, String limit) throws IOException {
        Fork fork = Fork.of(program).under("prlimit", "--fsize=" + limit);
        if (Machine.linux().backend().equals("jna")) {
            String name = "/com/sun/jna/" + Platform.RESOURCE_PREFIX + "/libjnidispatch.so";
            try (InputStream library = Objects.requireNonNull(Platform.class.getResourceAsStream(name), name)) {
                Files.copy(library, folder.resolve("libjnidispatch.so"), StandardCopyOption.REPLACE_EXISTING);
            }
            fork.option("-Djna.boot.library.path=" + folder);
        }
        return fork;
    }

    @Test
    @DisplayName(
            "Where the jar's own libpercpu.so cannot be loaded at all, levels are EAGER, and the reason says what to do")
    void libraryOfTheJarThatCannotBeLoadedIsDoneWithout() throws IOException {
        Levels.needLibrary();
        assertThat(withoutLongFiles(FirstUse.class, "4096").run())
                .contains("mode EAGER library null")
                .contains("reason that of the jar cannot be used, neither from memory: ")
                .contains("; nor from a file: it cannot be unpacked to ")
                .contains("File too large")
                .contains("put libpercpu.so (", ") into a folder", "-Dpercpu.library.path=FOLDER");
        assertThat(withoutLongFiles(FirstUse.class, "4096")
                        .option("-Dpercpu.spl=lazy")
                        .run())
                .contains("UnsupportedOp")
                .contains("cannot be unpacked");
    }

    /** The first use of levels fails, and its cause passes. */
    static final class SecondUse {
        private static final int RLIMIT_FSIZE = 1;

        private SecondUse() {}

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            assertThat(Spl.current().mode()).isEqualTo(SplMode.EAGER);
            assertThat(linux.setrlimit(RLIMIT_FSIZE, LinuxCalls.RLIM_INFINITY, LinuxCalls.RLIM_INFINITY))
                    .isZero();
            Bounded.until("the library is loaded", () -> SplSupport.get().library() != null);
            Levels.on(SplMode.LAZY, spl -> assertThat(spl.mode()).isEqualTo(SplMode.LAZY));
            InterruptLine line = InterruptLine.establish(Receiver.current(), "line", Ipl.VM, value -> {});
            assertThat(linux.pthread_sigqueue(linux.pthread_self(), line.signal(), 1))
                    .isZero();
            assertThat(Spl.current().poll()).isEqualTo(1);
            line.close();
            System.out.println("mode " + SplSupport.get().mode());
        }
    }

    @Test
    @DisplayName("a load of the library that failed is tried again, and then also older threads have all features")
    void loadThatFailedIsTriedAgain() throws IOException {
        Levels.needLibrary();
        assertThat(withoutLongFiles(SecondUse.class, "4096:unlimited").run()).contains("mode LAZY");
    }

    /** The first use of levels on a thread that is interrupted, or at the end of its stack. */
    static final class BadMoment {
        private BadMoment() {}

        public static void main(String[] args) {
            if (args[0].equals("interrupted")) {
                Thread.currentThread().interrupt();
                assertThat(Spl.current().mode()).isEqualTo(SplMode.LAZY);
                assertThat(Thread.interrupted()).isTrue();
            } else {
                // The backend's classes and the JDK's are not those of levels.
                assertThat(Machine.linux().gettid()).isPositive();
                Bounded.run("deep", () -> System.out.println("depth " + deep(0)));
            }
            Levels.on(SplMode.LAZY, spl -> System.out.println("mode " + spl.mode()));
        }

        /** As deep as the stack allows, and then nearer to its end with each try until the call comes back. */
        @SuppressWarnings("InfiniteRecursion") // it ends when the stack does
        private static int deep(int depth) {
            try {
                return deep(depth + 1);
            } catch (StackOverflowError e) {
                return SplSupport.get().library() != null ? depth : -1;
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"interrupted", "deep"})
    @DisplayName(
            "a first use of levels on a thread that is interrupted or at the end of its stack spoils nothing for later ones")
    void badMomentOfTheFirstUseSpoilsNothing(String moment) {
        Levels.needLibrary();
        assertThat(Fork.of(BadMoment.class).argument(moment).run()).contains("mode LAZY");
    }

    @Test
    void unknownModeIsRefused() {
        assertThat(Fork.of(FirstUse.class).option("-Dpercpu.spl=hasty").run()).contains("must be eager or lazy");
        assertThat(Fork.of(FirstUse.class)
                        .option("-Dpercpu.spl=lazy")
                        .option("-Dpercpu.library.path=")
                        .run())
                .contains("UnsupportedOp")
                .contains("percpu.library.path is empty");
    }

    /** Everything that works without the library. */
    static final class WithoutLibrary {
        private WithoutLibrary() {}

        @SuppressWarnings("LockNotBeforeTry") // the process ends with the first failure
        public static void main(String[] args) {
            SplSupport support = SplSupport.get();
            assertThat(support.mode()).isEqualTo(SplMode.EAGER);
            assertThat(support.library()).isNull();
            assertThat(support.off()).hasSize(3);
            assertThatThrownBy(NativeWork::postFunction).isInstanceOf(UnsupportedOperationException.class);
            assertThat(support.freeSignals()).isZero();
            assertThat(Proc.signalsCaught() & 1L << (support.signals().get(Ipl.VM.rank()) - 1))
                    .as("nothing is installed that nobody needs")
                    .isZero();
            Levels.on(SplMode.EAGER, spl -> {
                int[] ran = {0};
                InterruptLine line =
                        InterruptLine.establish(Receiver.current(), "soft", Ipl.VM, value -> ran[0] += (int) value);
                int s = spl.splhigh();
                assertThat(SplSupport.mask(Ipl.HIGH)).isZero();
                assertThat(line.trigger(5)).isTrue();
                spl.splx(s);
                assertThat(ran[0]).isEqualTo(5);
                assertThatThrownBy(line::signal)
                        .isInstanceOf(UnsupportedOperationException.class)
                        .hasMessageContaining("empty");
                assertThatThrownBy(() -> spl.setMode(SplMode.LAZY)).isInstanceOf(UnsupportedOperationException.class);
                Mutex mutex = Mutex.netbsd("m", Ipl.VM);
                mutex.lock();
                mutex.unlock();
                line.close();
            });
            System.out.println("works without " + support.reason());
        }
    }

    @Test
    void withoutTheLibraryLevelsWorkAndTheRestSaysWhyNot() {
        assertThat(Fork.of(WithoutLibrary.class)
                        .option("-Dpercpu.library.path=")
                        .run())
                .contains("works without");
    }

    /** A signal of somebody else, and a child that has the library. */
    static final class ForeignHandler {
        /** Of glibc's struct sigaction: handler at 0, mask at 8, of which the kernel has 8 bytes, flags at 136. */
        private static final int SIGACTION = 152;

        private static final int SA_SIGINFO = 4;

        private ForeignHandler() {}

        private static long sigaction(int signal, long set, long old) {
            LinuxCalls linux = Backend.linux();
            return linux.call(linux.dlsym(linux.dlopen(null), "sigaction"), signal, set, old, 0, 0, 0);
        }

        private static String installed(int signal) {
            ByteBuffer now = ByteBuffer.allocateDirect(SIGACTION).order(ByteOrder.nativeOrder());
            assertThat(sigaction(signal, 0, Backend.linux().address(now))).isZero();
            return Long.toHexString(now.getLong(0)) + " " + now.getLong(8) + " " + now.getInt(136);
        }

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            int foreign = linux.__libc_current_sigrtmin() + 5;
            ByteBuffer mine = ByteBuffer.allocateDirect(SIGACTION).order(ByteOrder.nativeOrder());
            mine.putLong(0, linux.dlsym(linux.dlopen(null), "labs"));
            mine.putLong(8, 1L << (foreign - 2));
            mine.putInt(136, SA_SIGINFO);
            assertThat(sigaction(foreign, linux.address(mine), 0)).isZero();
            String before = installed(foreign);
            assertThat(SplSupport.get().library()).isNull();
            assertThat(installed(foreign)).isEqualTo(before);
            System.out.println("kept; child: " + Fork.of(FirstUse.class).run());
        }
    }

    @Test
    @DisplayName(
            "Without the library another's handler keeps its flags and its mask, and children get no signal ignored")
    void withoutTheLibraryNoHandlerAndNoChildIsHarmed() {
        Levels.needLibrary();
        assertThat(Fork.of(ForeignHandler.class)
                        .option("-Dpercpu.library.path=")
                        .run())
                .contains("kept; child: mode LAZY")
                .doesNotContain("somebody else");
    }

    /** Raises to the top with another suspend signal. */
    static final class OtherSuspendSignal {
        private OtherSuspendSignal() {}

        public static void main(String[] args) {
            int suspend = Integer.parseInt(args[0]);
            assertThat(SplSupport.get().signals()).doesNotContain(suspend);
            assertThat(SplSupport.get().skipped()).anyMatch(skipped -> skipped.startsWith(args[0] + " "));
            for (SplMode mode : SplMode.values()) {
                Levels.on(mode, spl -> {
                    int s = spl.splhigh();
                    assertThat(Proc.signalsBlocked(Machine.linux().gettid()) & (1L << (suspend - 1)))
                            .isZero();
                    spl.splx(s);
                });
            }
            System.out.println("skipped " + SplSupport.get().skipped());
        }
    }

    @Test
    @DisplayName("Scenario 10: HotSpot's suspend signal among ours, by _JAVA_SR_SIGNUM, is left alone")
    void movedSuspendSignalIsSkipped() {
        Levels.needLibrary();
        int ours = SplSupport.get().signals().get(Ipl.VM.rank());
        assertThat(Fork.of(OtherSuspendSignal.class)
                        .under("env", "_JAVA_SR_SIGNUM=" + ours)
                        .argument(Integer.toString(ours))
                        .run())
                .contains("skipped [" + ours);
    }

    /** Signals that find the line full, with room in the kernel for one: what a value goes back to may be taken already. */
    static final class NoSignalsPending {
        private static final int ROUNDS = 500;

        private NoSignalsPending() {}

        public static void main(String[] args) throws Exception {
            LinuxCalls linux = Backend.linux();
            assertThat(linux.setrlimit(LinuxCalls.RLIMIT_SIGPENDING, 1, 1)).isZero();
            AtomicLong sum = new AtomicLong();
            AtomicLong expected = new AtomicLong();
            long refused = 0;
            try (Levels.Waiting receiver = new Levels.Waiting(SplMode.valueOf(args[0]))) {
                InterruptLine line = InterruptLine.establish(receiver.receiver, "tight", Ipl.VM, value -> {
                    // Slower than its callers, or the ring is never full.
                    for (int i = 0; i < 20; i++) {
                        Thread.onSpinWait();
                    }
                    sum.addAndGet(value);
                });
                int signal = line.signal();
                for (int i = 1; i <= ROUNDS; i++) {
                    while (line.trigger(1)) {
                        expected.incrementAndGet();
                    }
                    int result = linux.sigqueue(linux.getpid(), signal, 1_000_000);
                    while (result == -Errno.EAGAIN.number()) {
                        // Said to the sender: not sent.
                        refused++;
                        result = linux.sigqueue(linux.getpid(), signal, 1_000_000);
                    }
                    assertThat(result).isZero();
                    expected.addAndGet(1_000_000);
                }
                Bounded.until(
                        "every value is there, or counted as lost",
                        () -> sum.get() == expected.get() || line.state().lost() > 0);
                assertThat(line.state().lost()).isZero();
                assertThat(line.state().received()).isEqualTo(ROUNDS);
                line.close();
            }
            System.out.println("none lost, refused " + refused);
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("Scenario 9: with RLIMIT_SIGPENDING of 1 nothing is lost")
    void limitOfPendingSignalsLosesNothing(SplMode mode) {
        Levels.needLibrary();
        // The kernel counts by user: one more signal or timer of anybody's would leave no room at all.
        Machine.needsCommand("no other user can be had here", "setpriv", "--reuid=200000", "true");
        assertThat(Fork.of(NoSignalsPending.class)
                        .unprivileged()
                        .argument(mode.name())
                        .run())
                .contains("none lost");
    }

    /** A file and a timer with no room for signals at all. */
    static final class NoRoomForFiles {
        private NoRoomForFiles() {}

        private static long cCall(String function, long a, long b, long c) {
            LinuxCalls linux = Backend.linux();
            return linux.call(linux.dlsym(linux.dlopen(null), function), a, b, c, 0, 0, 0);
        }

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            assertThat(linux.setrlimit(LinuxCalls.RLIMIT_SIGPENDING, 0, 0)).isZero();
            ByteBuffer pair = ByteBuffer.allocateDirect(2 * Integer.BYTES).order(ByteOrder.nativeOrder());
            assertThat((int) cCall("pipe", linux.address(pair), 0, 0)).isZero();
            int reader = pair.getInt(0);
            AtomicLong ready = new AtomicLong();
            try (Levels.Waiting receiver = new Levels.Waiting(SplMode.valueOf(args[0]))) {
                InterruptLine line = InterruptLine.establish(receiver.receiver, "file", Ipl.NET, ready::set);
                line.watch(reader);
                assertThat(cCall("write", pair.getInt(Integer.BYTES), linux.address(pair), 1))
                        .isEqualTo(1);
                Bounded.until("the file is said to be ready", () -> ready.get() == reader);
                assertThatThrownBy(() -> line.timer(1, 0, 0))
                        .isInstanceOf(LinuxException.class)
                        .hasMessageContaining("EAGAIN")
                        .hasMessageContaining("RLIMIT_SIGPENDING");
                line.close();
            }
            System.out.println("ready all the same");
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "Scenario 9: a file whose signal the kernel cannot queue triggers its line by SIGIO, a timer is refused")
    void limitOfPendingSignalsHidesNoFile(SplMode mode) {
        Levels.needLibrary();
        Machine.needsCommand("no other user can be had here", "setpriv", "--reuid=200000", "true");
        assertThat(Fork.of(NoRoomForFiles.class)
                        .unprivileged()
                        .argument(mode.name())
                        .run())
                .contains("ready all the same");
    }

    /** Everything for which HotSpot uses signals, at the highest level. */
    static final class Health {
        @SuppressWarnings("NullAway") // null on purpose
        private static volatile Object nothing;

        private static volatile int zero;

        private Health() {}

        public static void main(String[] args) throws Exception {
            SplMode mode = SplMode.valueOf(args[0]);
            Spl spl = Spl.current();
            spl.setMode(mode);
            int s = spl.splhigh();
            int implicit = 0;
            for (int i = 0; i < 20_000; i++) {
                try {
                    implicit += nothing.hashCode();
                } catch (NullPointerException e) {
                    implicit++;
                }
                try {
                    implicit += 1 / zero;
                } catch (ArithmeticException e) {
                    implicit++;
                }
            }
            assertThat(implicit).isEqualTo(40_000);
            assertThatThrownBy(() -> overflow(1)).isInstanceOf(StackOverflowError.class);
            System.gc();
            assertThat(Thread.getAllStackTraces()).isNotEmpty();
            Path recording = Files.createTempFile("percpu", ".jfr");
            try (jdk.jfr.Recording jfr = new jdk.jfr.Recording()) {
                jfr.enable("jdk.ExecutionSample").withPeriod(java.time.Duration.ofMillis(10));
                jfr.start();
                long end = System.nanoTime() + 200_000_000;
                long spun = 0;
                while (System.nanoTime() < end) {
                    spun++;
                }
                assertThat(spun).isPositive();
                jfr.stop();
                jfr.dump(recording);
            }
            assertThat(Files.size(recording)).isPositive();
            Files.delete(recording);
            blockedReadIsInterrupted();
            spl.splx(s);
            System.out.println("healthy at HIGH, " + mode);
        }

        @SuppressWarnings("InfiniteRecursion") // on purpose
        private static int overflow(int depth) {
            return depth + overflow(depth + 1) + 1;
        }

        /** The thread that reads has inherited the mask. */
        @SuppressWarnings("try") // the close of the socket is what wakes its reader
        private static void blockedReadIsInterrupted() throws Exception {
            try (ServerSocketChannel server = ServerSocketChannel.open().bind(null);
                    SocketChannel client = SocketChannel.open(server.getLocalAddress());
                    ServerSocket plain = new ServerSocket(0);
                    Socket reader = new Socket(plain.getInetAddress(), plain.getLocalPort())) {
                FutureTask<Boolean> channel = new FutureTask<>(() -> {
                    try {
                        return client.read(ByteBuffer.allocate(1)) < 0;
                    } catch (java.nio.channels.ClosedByInterruptException e) {
                        return true;
                    }
                });
                Thread thread = new Thread(channel);
                thread.start();
                Bounded.until("it reads", () -> thread.getState() == Thread.State.RUNNABLE);
                thread.interrupt();
                assertThat(channel.get(20, TimeUnit.SECONDS)).isTrue();
                FutureTask<Boolean> socket = Bounded.start("socket", () -> {
                    try {
                        return reader.getInputStream().read() < 0;
                    } catch (java.net.SocketException e) {
                        return true;
                    }
                });
                reader.close();
                assertThat(Bounded.join(socket)).isTrue();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"EAGER", "LAZY"})
    @DisplayName("Scenario 7: HotSpot is in good health at HIGH")
    void hotSpotIsHealthyAtTheHighestLevel(String mode) {
        if (mode.equals("LAZY")) {
            Levels.needLibrary();
        }
        assertThat(Fork.of(Health.class).argument(mode).run()).contains("healthy at HIGH");
    }

    /** Ends threads with signals of their lines pending and blocked. */
    static final class EndingThreads {
        private EndingThreads() {}

        public static void main(String[] args) {
            LinuxCalls linux = Backend.linux();
            for (int i = 0; i < 100; i++) {
                List<InterruptLine> left = new ArrayList<>();
                Levels.on(i % 2 == 0 ? SplMode.EAGER : SplMode.LAZY, spl -> {
                    left.addAll(Levels.linesOfEveryLevel(spl));
                    int forgotten = spl.splhigh();
                    assertThat(forgotten).isNotNegative();
                    for (InterruptLine line : left) {
                        // In LAZY mode the first is recorded, and what comes then is blocked.
                        for (int value = 0; value < 2; value++) {
                            assertThat(linux.pthread_sigqueue(linux.pthread_self(), line.signal(), value))
                                    .isZero();
                        }
                        assertThat(linux.sigqueue(linux.getpid(), line.signal(), 3))
                                .isZero();
                        assertThat((Proc.signalsBlocked(linux.gettid()) & 1L << (line.signal() - 1)) != 0)
                                .isEqualTo(line.ipl() != Ipl.IPI);
                    }
                });
                left.forEach(InterruptLine::close);
            }
            System.out.println("alive");
        }
    }

    @Test
    void threadThatEndsWithItsSignalsBlockedAndPendingTakesNobodyWithIt() {
        Levels.needLibrary();
        assertThat(Fork.of(EndingThreads.class).run()).contains("alive");
    }
}
