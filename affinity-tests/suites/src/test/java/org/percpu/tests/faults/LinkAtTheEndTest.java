// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;

/** The first call of each C function in a JVM, made where the stack ends. */
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LinkAtTheEndTest {
    /** Methods of {@link LinuxCalls} that call no C function. */
    private static final Set<String> JAVA = Set.of("backend", "root", "tasks", "start");

    /** Each C function with arguments that do no harm. A result below 0 is a failure. */
    static final class Functions {
        /** No timer has this number. */
        private static final long NO_TIMER = 1_234_567;

        private ByteBuffer words = ByteBuffer.allocate(0);
        private long address;
        private long library;
        private long getpid;

        Map<String, ToLongFunction<LinuxCalls>> all() {
            long[] mask = new long[128];
            long[] two = new long[2];
            int[] ints = new int[2];
            byte[] name = new byte[16];
            Map<String, ToLongFunction<LinuxCalls>> all = new LinkedHashMap<>();
            all.put("getpid", LinuxCalls::getpid);
            all.put("gettid", LinuxCalls::gettid);
            all.put("geteuid", LinuxCalls::geteuid);
            all.put("pthread_self", LinuxCalls::pthread_self);
            all.put("sched_getcpu", LinuxCalls::sched_getcpu);
            all.put("sched_getaffinity", c -> c.sched_getaffinity(0, mask));
            all.put("sched_setaffinity", c -> c.sched_setaffinity(0, mask));
            all.put("sched_getscheduler", c -> c.sched_getscheduler(0));
            all.put("sched_getparam", c -> c.sched_getparam(0));
            all.put("sched_get_priority_min", c -> c.sched_get_priority_min(LinuxCalls.SCHED_RR));
            all.put("sched_get_priority_max", c -> c.sched_get_priority_max(LinuxCalls.SCHED_RR));
            all.put("pthread_setschedparam", c -> c.pthread_setschedparam(c.pthread_self(), LinuxCalls.SCHED_OTHER, 0));
            all.put("pthread_getschedparam", c -> c.pthread_getschedparam(c.pthread_self(), ints));
            all.put("getpriority", c -> c.getpriority(LinuxCalls.PRIO_PROCESS, 0));
            all.put("setpriority", c -> c.setpriority(LinuxCalls.PRIO_PROCESS, 0, 19));
            all.put("sched_yield", LinuxCalls::sched_yield);
            all.put("pthread_setname_np", c -> c.pthread_setname_np(c.pthread_self(), "end"));
            all.put("pthread_getname_np", c -> c.pthread_getname_np(c.pthread_self(), name));
            all.put("__libc_current_sigrtmin", LinuxCalls::__libc_current_sigrtmin);
            all.put("__libc_current_sigrtmax", LinuxCalls::__libc_current_sigrtmax);
            all.put("pthread_sigmask", c -> c.pthread_sigmask(LinuxCalls.SIG_BLOCK, null, two));
            all.put("sigpending", c -> c.sigpending(two));
            all.put("pthread_kill", c -> c.pthread_kill(c.pthread_self(), 0));
            all.put("pthread_sigqueue", c -> c.pthread_sigqueue(c.pthread_self(), 0, 0));
            all.put("sigqueue", c -> c.sigqueue(c.getpid(), 0, 0));
            all.put("sigtimedwait", c -> unless(Errno.EAGAIN, c.sigtimedwait(1L << 40, two, 0)));
            all.put("getrlimit", c -> c.getrlimit(LinuxCalls.RLIMIT_NICE, two));
            all.put("setrlimit", c -> {
                int result = c.getrlimit(LinuxCalls.RLIMIT_NICE, two);
                return result < 0 ? result : c.setrlimit(LinuxCalls.RLIMIT_NICE, two[0], two[1]);
            });
            all.put("prctl", c -> c.prctl(LinuxCalls.PR_GET_TIMERSLACK, 0));
            all.put("sysconf", c -> c.sysconf(LinuxCalls.SC_NPROCESSORS_ONLN));
            all.put("strerror", c -> c.strerror(1).length());
            all.put("allocate", c -> {
                words = c.allocate(64);
                return words.capacity();
            });
            all.put("address", c -> {
                address = c.address(words);
                return address;
            });
            all.put("getInt", c -> c.getInt(words.asIntBuffer(), address, 0));
            all.put("putInt", c -> {
                c.putInt(words.asIntBuffer(), address, 1, 1);
                return words.getInt(Integer.BYTES);
            });
            all.put("memory", c -> c.memory(address, 64).capacity());
            all.put("futex_wait", c -> unless(Errno.EAGAIN, c.futex_wait(address, 7, 1)));
            all.put("futex_wait_until", c -> unless(Errno.EAGAIN, c.futex_wait_until(address, 7, 1)));
            all.put("clock_gettime", c -> Math.min(c.clock_gettime(LinuxCalls.CLOCK_MONOTONIC), 0));
            all.put("futex_wake", c -> c.futex_wake(address, 1));
            all.put("timer_create", c -> {
                long timer = c.timer_create(LinuxCalls.CLOCK_MONOTONIC, c.__libc_current_sigrtmin(), c.gettid(), 0);
                return timer < 0 ? timer : c.timer_delete(timer);
            });
            all.put("timer_settime", c -> unless(Errno.EINVAL, c.timer_settime(NO_TIMER, 0, 0)));
            all.put("timer_delete", c -> unless(Errno.EINVAL, c.timer_delete(NO_TIMER)));
            all.put("fcntl", c -> unless(Errno.EBADF, c.fcntl(-1, LinuxCalls.F_GETFL, 0)));
            all.put("close", c -> unless(Errno.EBADF, c.close(-1)));
            all.put("memfd_create", c -> {
                int fd = c.memfd_create("end", LinuxCalls.MFD_CLOEXEC);
                return fd < 0 ? fd : c.close(fd);
            });
            all.put("membarrier", c -> c.membarrier(0));
            all.put("dlopen", c -> {
                library = c.dlopen(null);
                return library;
            });
            all.put("dlsym", c -> {
                getpid = c.dlsym(library, "getpid");
                return getpid;
            });
            all.put("call", c -> c.call(getpid, 0, 0, 0, 0, 0, 0));
            return all;
        }

        private static long unless(Errno expected, long result) {
            return result == -expected.number() ? 0 : result;
        }
    }

    /** Makes a call in the frames of a stack that has ended, from the last one back, until the call succeeds. */
    static final class Descent {
        private final Runnable call;
        private boolean done;
        private int failed;

        private Descent(Runnable call) {
            this.call = call;
        }

        /** How many calls failed before the one that succeeded. */
        static int of(int stack, Runnable call) throws InterruptedException {
            Descent descent = new Descent(call);
            Thread thread = new Thread(null, descent::down, "end", stack);
            thread.start();
            thread.join();
            return descent.failed;
        }

        @SuppressWarnings("InfiniteRecursion") // it ends when the stack does
        private void down() {
            try {
                down();
            } catch (StackOverflowError e) {
                failed++;
            }
            if (!done) {
                try {
                    call.run();
                    done = true;
                } catch (Error e) {
                    failed++;
                }
            }
        }
    }

    /** Prints each function that does not work after its first call has failed. */
    static final class Each {
        public static void main(String[] args) throws InterruptedException {
            int stack = Integer.parseInt(args[0]);
            assert Errno.values().length > 0;
            if (args[1].equals("open")) {
                int failed = Descent.of(stack, Backend::linux);
                assertThat(failed).as("failures").isGreaterThan(1);
            }
            LinuxCalls linux = Backend.linux();
            assertThat(linux.backend()).isEqualTo(System.getProperty("percpu.backend", linux.backend()));
            new Functions().all().forEach((name, function) -> {
                try {
                    int failed = Descent.of(stack, () -> {
                        long result = function.applyAsLong(linux);
                        assert result >= 0 : result;
                    });
                    assertThat(failed).as("failures").isGreaterThan(1);
                    long next = function.applyAsLong(linux);
                    assertThat(next).as("result").isNotNegative();
                } catch (Throwable e) {
                    System.out.println("broken: " + name + ": " + e);
                }
            });
            System.out.println("tried all");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {400_000, 405_000})
    @DisplayName("a C function that is called first at the end of a stack works at its next call")
    void theNextCallWorks(int stack) {
        tried(stack, "link");
    }

    @ParameterizedTest
    @ValueSource(ints = {400_000, 405_000})
    @DisplayName(
            "a backend that is opened first at the end of a stack opens at the next call, and all its functions work")
    void theNextCallOpens(int stack) {
        tried(stack, "open");
    }

    private static void tried(int stack, String mode) {
        Machine.needsLinux("a JVM whose C functions are linked");
        assertThat(Fork.of(Each.class)
                        .argument(Integer.toString(stack))
                        .argument(mode)
                        .run())
                .contains("tried all")
                .doesNotContain("broken");
    }

    @Test
    @DisplayName("no function is left out")
    void all() {
        assertThat(new Functions().all().keySet())
                .containsExactlyInAnyOrderElementsOf(Arrays.stream(LinuxCalls.class.getDeclaredMethods())
                        .filter(method -> !method.isSynthetic())
                        .map(Method::getName)
                        .filter(name -> !JAVA.contains(name))
                        .toList());
    }
}
