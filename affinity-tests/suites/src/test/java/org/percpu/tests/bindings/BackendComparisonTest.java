// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;

/**
 * The same call by both backends, one after the other on one thread, must give one answer: result, what was written into
 * arrays, and of a failure the number, name and text that a user gets to read.
 */
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BackendComparisonTest {
    private static final int NO_SUCH_TID = Integer.MAX_VALUE;
    private static final int SIGNAL = 40;

    @BeforeAll
    void needsBothBackends() {
        Runtimes.assumeFfm();
    }

    /** A call, its answer to be compared. */
    static final class Call {
        private final String text;
        private final Body body;

        Call(String text, Body body) {
            this.text = text;
            this.body = body;
        }

        /** What a user would see: the result and the arrays, or the error. */
        String answer(LinuxCalls linux) throws Exception {
            return OwnThread.call(() -> body.on(linux));
        }

        @Override
        public String toString() {
            return text;
        }
    }

    @FunctionalInterface
    interface Body {
        String on(LinuxCalls linux) throws Exception;
    }

    @FunctionalInterface
    interface Plain {
        long on(LinuxCalls linux) throws Exception;
    }

    @FunctionalInterface
    interface Filling {
        long on(LinuxCalls linux, long[] out) throws Exception;
    }

    private static Call plain(String text, Plain call) {
        return new Call(text, linux -> describe(linux, text, call.on(linux)));
    }

    private static Call filling(String text, int words, Filling call) {
        return new Call(text, linux -> {
            long[] out = new long[words];
            Arrays.fill(out, 0x5A5A_5A5A_5A5A_5A5AL);
            long result = call.on(linux, out);
            return describe(linux, text, result) + " " + Arrays.toString(out);
        });
    }

    private static String describe(LinuxCalls linux, String text, long result) {
        if (result >= 0) {
            return Long.toString(result);
        }
        int errno = Math.toIntExact(-result);
        return new LinuxException(text, errno, linux.strerror(errno), null).toString();
    }

    private static String names(LinuxCalls linux, String name, int size) {
        byte[] read = new byte[size];
        Arrays.fill(read, (byte) 'x');
        long self = linux.pthread_self();
        int set = linux.pthread_setname_np(self, name);
        int get = linux.pthread_getname_np(self, read);
        return describe(linux, "pthread_setname_np(self, ...)", set)
                + " "
                + describe(linux, "pthread_getname_np(self, ...)", get)
                + " " + Arrays.toString(read);
    }

    private static long futex(LinuxCalls linux, int value, int expected, long timeoutNanos) {
        return linux.futex_wait(linux.address(Words.of(value)), expected, timeoutNanos);
    }

    static Stream<Call> calls() {
        List<Call> fixed = List.of(
                plain("getpid()", LinuxCalls::getpid),
                plain("geteuid()", LinuxCalls::geteuid),
                filling("sched_getaffinity(0, 64 words)", 64, (c, out) -> c.sched_getaffinity(0, out)),
                filling("sched_getaffinity(0, 1024 words)", 1024, (c, out) -> c.sched_getaffinity(0, out)),
                filling("sched_getaffinity(0, 0 words)", 0, (c, out) -> c.sched_getaffinity(0, out)),
                filling("sched_getaffinity(no such)", 16, (c, out) -> c.sched_getaffinity(NO_SUCH_TID, out)),
                filling("sched_getaffinity(-1)", 16, (c, out) -> c.sched_getaffinity(-1, out)),
                plain("sched_setaffinity(0, {all of 65536})", c -> {
                    long[] mask = new long[1024];
                    Arrays.fill(mask, -1L);
                    return c.sched_setaffinity(0, mask);
                }),
                plain("sched_setaffinity(0, {1023})", c -> {
                    long[] mask = new long[16];
                    mask[15] = Long.MIN_VALUE;
                    return c.sched_setaffinity(0, mask);
                }),
                plain("sched_setaffinity(0, {})", c -> c.sched_setaffinity(0, new long[16])),
                plain("sched_setaffinity(no such, {0})", c -> c.sched_setaffinity(NO_SUCH_TID, new long[] {1})),
                plain("sched_getscheduler(0)", c -> c.sched_getscheduler(0)),
                plain("sched_getscheduler(no such)", c -> c.sched_getscheduler(NO_SUCH_TID)),
                plain("sched_getscheduler(-1)", c -> c.sched_getscheduler(-1)),
                plain("sched_getparam(0)", c -> c.sched_getparam(0)),
                plain("sched_getparam(no such)", c -> c.sched_getparam(NO_SUCH_TID)),
                plain("pthread_setschedparam(self, FIFO, 200)", c -> c.pthread_setschedparam(c.pthread_self(), 1, 200)),
                plain("pthread_setschedparam(self, FIFO, 10)", c -> c.pthread_setschedparam(c.pthread_self(), 1, 10)),
                plain("pthread_setschedparam(self, BATCH, 0)", c -> c.pthread_setschedparam(c.pthread_self(), 3, 0)),
                plain("pthread_setschedparam(self, 77, 0)", c -> c.pthread_setschedparam(c.pthread_self(), 77, 0)),
                filling("pthread_getschedparam(self)", 2, (c, out) -> {
                    int[] both = {-1, -1};
                    int result = c.pthread_getschedparam(c.pthread_self(), both);
                    out[0] = both[0];
                    out[1] = both[1];
                    return result;
                }),
                plain("getpriority(PROCESS, 0)", c -> c.getpriority(0, 0)),
                plain("getpriority(PROCESS, no such)", c -> c.getpriority(0, NO_SUCH_TID)),
                plain("getpriority(99, 0)", c -> c.getpriority(99, 0)),
                plain("setpriority(PROCESS, 0, 7) and getpriority", c -> c.setpriority(0, 0, 7) + c.getpriority(0, 0)),
                plain("setpriority(PROCESS, 0, -5)", c -> c.setpriority(0, 0, -5)),
                plain("setpriority(PROCESS, no such, 5)", c -> c.setpriority(0, NO_SUCH_TID, 5)),
                plain("setpriority(99, 0, 5)", c -> c.setpriority(99, 0, 5)),
                plain("sched_yield()", LinuxCalls::sched_yield),
                new Call("names(15 bytes)", c -> names(c, "123456789012345", 16)),
                new Call("names(UTF-8)", c -> names(c, "größe/\u20AC", 32)),
                new Call("names(surrogate pair)", c -> names(c, "\uD83D\uDC1A", 16)),
                new Call("names(lone surrogate)", c -> names(c, "a\uD83Db", 16)),
                new Call("names(zero inside)", c -> names(c, "ab\0cd", 16)),
                new Call("names(16 bytes)", c -> names(c, "1234567890123456", 16)),
                new Call("names(array of 15)", c -> names(c, "short", 15)),
                plain("__libc_current_sigrtmin()", LinuxCalls::__libc_current_sigrtmin),
                plain("__libc_current_sigrtmax()", LinuxCalls::__libc_current_sigrtmax),
                filling("pthread_sigmask(BLOCK, null)", 1, (c, out) -> c.pthread_sigmask(0, null, out)),
                filling("pthread_sigmask(BLOCK, all)", 1, (c, out) -> {
                    // Not those of the C library and of the JVM; the thread ends right away.
                    long realTime = -1L << 39;
                    return (long) c.pthread_sigmask(0, new long[] {realTime}, null) + c.pthread_sigmask(0, null, out);
                }),
                filling("pthread_sigmask(99, ...)", 1, (c, out) -> c.pthread_sigmask(99, new long[] {0}, out)),
                filling("sigpending()", 1, LinuxCalls::sigpending),
                plain("pthread_kill(self, 0)", c -> c.pthread_kill(c.pthread_self(), 0)),
                plain("pthread_kill(self, 99)", c -> c.pthread_kill(c.pthread_self(), 99)),
                plain("pthread_kill(self, -1)", c -> c.pthread_kill(c.pthread_self(), -1)),
                plain("pthread_sigqueue(self, 99, 1)", c -> c.pthread_sigqueue(c.pthread_self(), 99, 1)),
                plain("sigqueue(no such, 0, 1)", c -> c.sigqueue(NO_SUCH_TID, 0, 1)),
                plain("sigqueue(self, 99, 1)", c -> c.sigqueue(c.getpid(), 99, 1)),
                filling("sigtimedwait(queued)", 2, (c, out) -> {
                    long set = 1L << (SIGNAL - 1);
                    return (long) c.pthread_sigmask(0, new long[] {set}, null)
                            + c.pthread_sigqueue(c.pthread_self(), SIGNAL, Long.MIN_VALUE + 5)
                            + c.sigtimedwait(set, out, 0);
                }),
                filling("sigtimedwait(killed)", 2, (c, out) -> {
                    long set = 1L << (SIGNAL - 1);
                    long sum = (long) c.pthread_sigmask(0, new long[] {set}, null)
                            + c.pthread_kill(c.pthread_self(), SIGNAL)
                            + c.sigtimedwait(set, out, 0);
                    // si_value is not defined for this way of sending.
                    out[0] = 0;
                    return sum;
                }),
                filling("sigtimedwait(nothing there)", 2, (c, out) -> {
                    long set = 1L << (SIGNAL - 1);
                    int blocked = c.pthread_sigmask(0, new long[] {set}, null);
                    return blocked < 0 ? blocked : c.sigtimedwait(set, out, 1_000_000);
                }),
                filling("getrlimit(99)", 2, (c, out) -> c.getrlimit(99, out)),
                plain("setrlimit(SIGPENDING, 2, 1)", c -> c.setrlimit(LinuxCalls.RLIMIT_SIGPENDING, 2, 1)),
                plain("setrlimit(99, 1, 1)", c -> c.setrlimit(99, 1, 1)),
                plain("prctl(GET_TIMERSLACK)", c -> c.prctl(LinuxCalls.PR_GET_TIMERSLACK, 0)),
                plain(
                        "prctl(SET_TIMERSLACK, 123) and GET",
                        c -> c.prctl(LinuxCalls.PR_SET_TIMERSLACK, 123) + c.prctl(LinuxCalls.PR_GET_TIMERSLACK, 0)),
                plain("prctl(99999)", c -> c.prctl(99_999, 0)),
                plain("sysconf(CONF)", c -> c.sysconf(LinuxCalls.SC_NPROCESSORS_CONF)),
                plain("sysconf(ONLN)", c -> c.sysconf(LinuxCalls.SC_NPROCESSORS_ONLN)),
                plain("sysconf(-1)", c -> c.sysconf(-1)),
                plain("sysconf(99999)", c -> c.sysconf(99_999)),
                plain("futex_wait(differs)", c -> futex(c, 1, 2, LinuxCalls.FOREVER)),
                plain("futex_wait(timeout)", c -> futex(c, 1, 1, 1_000_000)),
                plain("futex_wait(timeout 0)", c -> futex(c, -1, -1, 0)),
                plain("futex_wait(not mapped)", c -> c.futex_wait(8, 0, 0)),
                plain("futex_wait(not aligned)", c -> c.futex_wait(9, 0, 0)),
                plain("futex_wake(not aligned)", c -> c.futex_wake(9, 1)),
                plain("futex_wake(nobody)", c -> c.futex_wake(c.address(Words.of(0)), Integer.MAX_VALUE)));
        Stream<Call> priorities = IntStream.rangeClosed(-1, 8)
                .boxed()
                .flatMap(policy -> Stream.of(
                        plain("sched_get_priority_min(" + policy + ")", c -> c.sched_get_priority_min(policy)),
                        plain("sched_get_priority_max(" + policy + ")", c -> c.sched_get_priority_max(policy))));
        Stream<Call> limits = IntStream.of(
                        LinuxCalls.RLIMIT_NPROC,
                        LinuxCalls.RLIMIT_SIGPENDING,
                        LinuxCalls.RLIMIT_NICE,
                        LinuxCalls.RLIMIT_RTPRIO,
                        LinuxCalls.RLIMIT_RTTIME)
                .mapToObj(limit -> filling("getrlimit(" + limit + ")", 2, (c, out) -> c.getrlimit(limit, out)));
        return Stream.of(fixed.stream(), priorities, limits).flatMap(calls -> calls);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("calls")
    void bothBackendsGiveOneAnswer(Call call) throws Exception {
        String ffm = call.answer(Backend.select("ffm").calls());
        String jna = call.answer(Backend.select("jna").calls());
        assertThat(jna).isEqualTo(ffm);
    }

    @Test
    void identitiesOfOneThreadAgree() throws Exception {
        LinuxCalls ffm = Backend.select("ffm").calls();
        LinuxCalls jna = Backend.select("jna").calls();
        ByteBuffer buffer = ByteBuffer.allocateDirect(64).position(16);
        OwnThread.run(() -> {
            assertThat(jna.gettid()).isEqualTo(ffm.gettid());
            assertThat(jna.pthread_self()).isEqualTo(ffm.pthread_self());
            assertThat(jna.address(buffer)).isEqualTo(ffm.address(buffer));
            assertThat(jna.address(buffer.slice())).isEqualTo(ffm.address(buffer.slice()));
        });
    }

    @Test
    void everyErrorHasOneTextInBoth() {
        LinuxCalls ffm = Backend.select("ffm").calls();
        LinuxCalls jna = Backend.select("jna").calls();
        for (int errno = 1; errno < 140; errno++) {
            assertThat(jna.strerror(errno)).as("errno " + errno).isEqualTo(ffm.strerror(errno));
        }
    }

    @Test
    void namesOfErrorsFitTheTextsOfTheCLibrary() {
        LinuxCalls jna = Backend.select("jna").calls();
        LinuxCalls ffm = Backend.select("ffm").calls();
        for (Errno errno : Errno.values()) {
            int result = -errno.number();
            assertThat(describe(jna, "f()", result))
                    .isEqualTo(describe(ffm, "f()", result))
                    .contains("(" + errno.name() + ", " + errno.number() + ")");
        }
    }

    @Test
    void whatOneBackendSetsTheOtherReads() throws Exception {
        LinuxCalls ffm = Backend.select("ffm").calls();
        LinuxCalls jna = Backend.select("jna").calls();
        OwnThread.run(() -> {
            crossCheck(ffm, jna, 1);
            crossCheck(jna, ffm, 2);
        });
    }

    private static void crossCheck(LinuxCalls writer, LinuxCalls reader, int step) {
        long set = 1L << (SIGNAL + step);
        assertThat(writer.pthread_sigmask(LinuxCalls.SIG_SETMASK, new long[] {set}, null))
                .isZero();
        long[] old = {0};
        assertThat(reader.pthread_sigmask(LinuxCalls.SIG_BLOCK, null, old)).isZero();
        assertThat(old).containsExactly(set);

        assertThat(writer.setpriority(LinuxCalls.PRIO_PROCESS, 0, 10 + step)).isZero();
        assertThat(reader.getpriority(LinuxCalls.PRIO_PROCESS, 0)).isEqualTo(10 - step);

        assertThat(writer.pthread_setname_np(writer.pthread_self(), "cross-" + step))
                .isZero();
        byte[] name = new byte[16];
        assertThat(reader.pthread_getname_np(reader.pthread_self(), name)).isZero();
        assertThat(new String(name, 0, 7, StandardCharsets.US_ASCII)).isEqualTo("cross-" + step);

        assertThat(writer.pthread_sigqueue(writer.pthread_self(), SIGNAL + step + 1, -step))
                .isZero();
        long[] valueAndCode = new long[2];
        assertThat(reader.sigtimedwait(set, valueAndCode, 0)).isEqualTo(SIGNAL + step + 1);
        assertThat(valueAndCode[0]).isEqualTo(-step);
    }
}
