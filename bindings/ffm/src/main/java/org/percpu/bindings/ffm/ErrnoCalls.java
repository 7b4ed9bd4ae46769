// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import org.percpu.bindings.ffm.generated.Linux;

/**
 * Functions of {@link Linux} once more, linked so that errno is captured before the JVM can change it, and those that need
 * another option. All that can fail return -errno.
 */
final class ErrnoCalls {
    /** Index of the first variadic argument of {@code prctl} and {@code syscall}. */
    private static final Linker.Option VARIADIC = Linker.Option.firstVariadicArg(1);

    private static final Linker.Option CRITICAL = Linker.Option.critical(false);

    private ErrnoCalls() {}

    private static MethodHandle link(MemorySegment function, FunctionDescriptor descriptor, Linker.Option... options) {
        return Linker.nativeLinker().downcallHandle(function, descriptor, options);
    }

    private static MethodHandle linkErrno(
            MemorySegment function, FunctionDescriptor descriptor, Linker.Option... more) {
        Linker.Option[] options = Arrays.copyOf(more, more.length + 1);
        options[more.length] = Linker.Option.captureCallState("errno");
        return link(function, descriptor, options);
    }

    /** Downcalls throw no checked exceptions, whatever {@code invokeExact} declares. */
    private static Error unexpected(Throwable thrown) {
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        return thrown instanceof Error e ? e : new AssertionError("a downcall threw a checked exception", thrown);
    }

    private static final class SchedSetaffinity {
        static final MethodHandle HANDLE =
                linkErrno(Linux.sched_setaffinity$address(), Linux.sched_setaffinity$descriptor());
    }

    static int sched_setaffinity(Scratch scratch, int tid, long size, MemorySegment mask) {
        try {
            return scratch.orErrno((int) SchedSetaffinity.HANDLE.invokeExact(scratch.errno, tid, size, mask));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class SchedGetaffinity {
        static final MethodHandle HANDLE =
                linkErrno(Linux.sched_getaffinity$address(), Linux.sched_getaffinity$descriptor());
    }

    static int sched_getaffinity(Scratch scratch, int tid, long size, MemorySegment mask) {
        try {
            return scratch.orErrno((int) SchedGetaffinity.HANDLE.invokeExact(scratch.errno, tid, size, mask));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class SchedGetscheduler {
        static final MethodHandle HANDLE =
                linkErrno(Linux.sched_getscheduler$address(), Linux.sched_getscheduler$descriptor());
    }

    static int sched_getscheduler(Scratch scratch, int tid) {
        try {
            return scratch.orErrno((int) SchedGetscheduler.HANDLE.invokeExact(scratch.errno, tid));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class SchedGetparam {
        static final MethodHandle HANDLE = linkErrno(Linux.sched_getparam$address(), Linux.sched_getparam$descriptor());
    }

    static int sched_getparam(Scratch scratch, int tid, MemorySegment param) {
        try {
            return scratch.orErrno((int) SchedGetparam.HANDLE.invokeExact(scratch.errno, tid, param));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class SchedGetPriorityMin {
        static final MethodHandle HANDLE =
                linkErrno(Linux.sched_get_priority_min$address(), Linux.sched_get_priority_min$descriptor());
    }

    static int sched_get_priority_min(Scratch scratch, int policy) {
        try {
            return scratch.orErrno((int) SchedGetPriorityMin.HANDLE.invokeExact(scratch.errno, policy));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class SchedGetPriorityMax {
        static final MethodHandle HANDLE =
                linkErrno(Linux.sched_get_priority_max$address(), Linux.sched_get_priority_max$descriptor());
    }

    static int sched_get_priority_max(Scratch scratch, int policy) {
        try {
            return scratch.orErrno((int) SchedGetPriorityMax.HANDLE.invokeExact(scratch.errno, policy));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class Setpriority {
        static final MethodHandle HANDLE = linkErrno(Linux.setpriority$address(), Linux.setpriority$descriptor());
    }

    static int setpriority(Scratch scratch, int which, int who, int nice) {
        try {
            return scratch.orErrno((int) Setpriority.HANDLE.invokeExact(scratch.errno, which, who, nice));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class Sigpending {
        static final MethodHandle HANDLE = linkErrno(Linux.sigpending$address(), Linux.sigpending$descriptor());
    }

    static int sigpending(Scratch scratch, MemorySegment set) {
        try {
            return scratch.orErrno((int) Sigpending.HANDLE.invokeExact(scratch.errno, set));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class Sigqueue {
        static final MethodHandle HANDLE = linkErrno(Linux.sigqueue$address(), Linux.sigqueue$descriptor());
    }

    static int sigqueue(Scratch scratch, int pid, int signal, MemorySegment value) {
        try {
            return scratch.orErrno((int) Sigqueue.HANDLE.invokeExact(scratch.errno, pid, signal, value));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class Sigtimedwait {
        static final MethodHandle HANDLE = linkErrno(Linux.sigtimedwait$address(), Linux.sigtimedwait$descriptor());
    }

    static int sigtimedwait(Scratch scratch, MemorySegment set, MemorySegment info, MemorySegment timeout) {
        try {
            return scratch.orErrno((int) Sigtimedwait.HANDLE.invokeExact(scratch.errno, set, info, timeout));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class Getrlimit {
        static final MethodHandle HANDLE = linkErrno(Linux.getrlimit$address(), Linux.getrlimit$descriptor());
    }

    static int getrlimit(Scratch scratch, int resource, MemorySegment limit) {
        try {
            return scratch.orErrno((int) Getrlimit.HANDLE.invokeExact(scratch.errno, resource, limit));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class Setrlimit {
        static final MethodHandle HANDLE = linkErrno(Linux.setrlimit$address(), Linux.setrlimit$descriptor());
    }

    static int setrlimit(Scratch scratch, int resource, MemorySegment limit) {
        try {
            return scratch.orErrno((int) Setrlimit.HANDLE.invokeExact(scratch.errno, resource, limit));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class TimerCreate {
        static final MethodHandle HANDLE = linkErrno(Linux.timer_create$address(), Linux.timer_create$descriptor());
    }

    static int timer_create(Scratch scratch, int clock, MemorySegment event, MemorySegment timer) {
        try {
            return scratch.orErrno((int) TimerCreate.HANDLE.invokeExact(scratch.errno, clock, event, timer));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    /** A {@code timer_t} is a pointer in the headers and a number in fact. */
    private static final class TimerSettime {
        static final MethodHandle HANDLE = linkErrno(
                Linux.timer_settime$address(),
                FunctionDescriptor.of(Linux.C_INT, Linux.C_LONG, Linux.C_INT, Linux.C_POINTER, Linux.C_POINTER));
    }

    static int timer_settime(Scratch scratch, long timer, MemorySegment times) {
        try {
            return scratch.orErrno(
                    (int) TimerSettime.HANDLE.invokeExact(scratch.errno, timer, 0, times, MemorySegment.NULL));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class TimerDelete {
        static final MethodHandle HANDLE =
                linkErrno(Linux.timer_delete$address(), FunctionDescriptor.of(Linux.C_INT, Linux.C_LONG));
    }

    static int timer_delete(Scratch scratch, long timer) {
        try {
            return scratch.orErrno((int) TimerDelete.HANDLE.invokeExact(scratch.errno, timer));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class Fcntl {
        static final MethodHandle HANDLE = linkErrno(
                Linux.fcntl.address(),
                FunctionDescriptor.of(Linux.C_INT, Linux.C_INT, Linux.C_INT, Linux.C_LONG),
                Linker.Option.firstVariadicArg(2));
    }

    static int fcntl(Scratch scratch, int fd, int command, long argument) {
        try {
            return scratch.orErrno((int) Fcntl.HANDLE.invokeExact(scratch.errno, fd, command, argument));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class PthreadSelf {
        static final MethodHandle HANDLE =
                link(Linux.pthread_self$address(), Linux.pthread_self$descriptor(), CRITICAL);
    }

    static long pthread_self() {
        try {
            return (long) PthreadSelf.HANDLE.invokeExact();
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class SchedGetcpu {
        static final MethodHandle HANDLE =
                link(Linux.sched_getcpu$address(), Linux.sched_getcpu$descriptor(), CRITICAL);
    }

    /** Returns -1 without an errno. */
    static int sched_getcpu() {
        try {
            return (int) SchedGetcpu.HANDLE.invokeExact();
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class Gettid {
        static final MethodHandle HANDLE =
                link(Linux.syscall.address(), FunctionDescriptor.of(Linux.C_LONG, Linux.C_LONG), VARIADIC, CRITICAL);
    }

    static int gettid() {
        try {
            return (int) (long) Gettid.HANDLE.invokeExact(SystemCall.GETTID);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static final class Prctl {
        static final MethodHandle HANDLE = linkErrno(
                Linux.prctl.address(),
                FunctionDescriptor.of(Linux.C_INT, Linux.C_INT, Linux.C_LONG, Linux.C_LONG, Linux.C_LONG, Linux.C_LONG),
                VARIADIC);
    }

    static int prctl(Scratch scratch, int option, long argument) {
        try {
            return scratch.orErrno((int) Prctl.HANDLE.invokeExact(scratch.errno, option, argument, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    /** With addresses as {@code long}: a futex call makes no memory segment. */
    private static final class Syscall {
        static final MethodHandle HANDLE = linkErrno(
                Linux.syscall.address(),
                FunctionDescriptor.of(
                        Linux.C_LONG,
                        Linux.C_LONG,
                        Linux.C_LONG,
                        Linux.C_LONG,
                        Linux.C_LONG,
                        Linux.C_LONG,
                        Linux.C_LONG,
                        Linux.C_LONG),
                VARIADIC);
    }

    static int syscall(Scratch scratch, long number, long a, long b, long c, long d) {
        try {
            return (int) scratch.orErrno((long) Syscall.HANDLE.invokeExact(scratch.errno, number, a, b, c, d, 0L, 0L));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }
}
