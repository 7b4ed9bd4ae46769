// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.invoke.MethodHandle;

/**
 * C functions that report through errno, and other functions that every start needs or that are called often. errno is
 * captured before the JVM can change it. Pointers are addresses. A function that fails returns -errno, except where its
 * comment says otherwise. Each function is linked when it is first called. The functions that a thread needs until it
 * is pinned all have the shape with errno, whether they use errno or not: a second shape would cost a start ten
 * milliseconds.
 */
final class ErrnoCalls {
    private ErrnoCalls() {}

    private static final class SchedSetaffinity {
        static final MethodHandle HANDLE = Link.withErrno("sched_setaffinity");
    }

    static int sched_setaffinity(Scratch scratch, int tid, long size, long mask) {
        try {
            return scratch.orErrno((int)
                    (long) SchedSetaffinity.HANDLE.invokeExact(scratch.errno, (long) tid, size, mask, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class SchedGetaffinity {
        static final MethodHandle HANDLE = Link.withErrno("sched_getaffinity");
    }

    static int sched_getaffinity(Scratch scratch, int tid, long size, long mask) {
        try {
            return scratch.orErrno((int)
                    (long) SchedGetaffinity.HANDLE.invokeExact(scratch.errno, (long) tid, size, mask, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class SchedGetscheduler {
        static final MethodHandle HANDLE = Link.withErrno("sched_getscheduler");
    }

    static int sched_getscheduler(Scratch scratch, int tid) {
        try {
            return scratch.orErrno(
                    (int) (long) SchedGetscheduler.HANDLE.invokeExact(scratch.errno, (long) tid, 0L, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class SchedGetparam {
        static final MethodHandle HANDLE = Link.withErrno("sched_getparam");
    }

    static int sched_getparam(Scratch scratch, int tid, long param) {
        try {
            return scratch.orErrno(
                    (int) (long) SchedGetparam.HANDLE.invokeExact(scratch.errno, (long) tid, param, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class SchedGetPriorityMin {
        static final MethodHandle HANDLE = Link.withErrno("sched_get_priority_min");
    }

    static int sched_get_priority_min(Scratch scratch, int policy) {
        try {
            return scratch.orErrno((int)
                    (long) SchedGetPriorityMin.HANDLE.invokeExact(scratch.errno, (long) policy, 0L, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class SchedGetPriorityMax {
        static final MethodHandle HANDLE = Link.withErrno("sched_get_priority_max");
    }

    static int sched_get_priority_max(Scratch scratch, int policy) {
        try {
            return scratch.orErrno((int)
                    (long) SchedGetPriorityMax.HANDLE.invokeExact(scratch.errno, (long) policy, 0L, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class Setpriority {
        static final MethodHandle HANDLE = Link.withErrno("setpriority");
    }

    static int setpriority(Scratch scratch, int which, int who, int nice) {
        try {
            return scratch.orErrno((int) (long)
                    Setpriority.HANDLE.invokeExact(scratch.errno, (long) which, (long) who, (long) nice, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class Sigpending {
        static final MethodHandle HANDLE = Link.withErrno("sigpending");
    }

    static int sigpending(Scratch scratch, long set) {
        try {
            return scratch.orErrno((int) (long) Sigpending.HANDLE.invokeExact(scratch.errno, set, 0L, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    /** {@code union sigval} is passed by value: eight bytes of class INTEGER, as a {@code long} is. */
    private static final class Sigqueue {
        static final MethodHandle HANDLE = Link.withErrno("sigqueue");
    }

    static int sigqueue(Scratch scratch, int pid, int signal, long value) {
        try {
            return scratch.orErrno((int)
                    (long) Sigqueue.HANDLE.invokeExact(scratch.errno, (long) pid, (long) signal, value, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class Sigtimedwait {
        static final MethodHandle HANDLE = Link.withErrno("sigtimedwait");
    }

    static int sigtimedwait(Scratch scratch, long set, long info, long timeout) {
        try {
            return scratch.orErrno(
                    (int) (long) Sigtimedwait.HANDLE.invokeExact(scratch.errno, set, info, timeout, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class Getrlimit {
        static final MethodHandle HANDLE = Link.withErrno("getrlimit");
    }

    static int getrlimit(Scratch scratch, int resource, long limit) {
        try {
            return scratch.orErrno(
                    (int) (long) Getrlimit.HANDLE.invokeExact(scratch.errno, (long) resource, limit, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class Setrlimit {
        static final MethodHandle HANDLE = Link.withErrno("setrlimit");
    }

    static int setrlimit(Scratch scratch, int resource, long limit) {
        try {
            return scratch.orErrno(
                    (int) (long) Setrlimit.HANDLE.invokeExact(scratch.errno, (long) resource, limit, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class TimerCreate {
        static final MethodHandle HANDLE = Link.withErrno("timer_create");
    }

    static int timer_create(Scratch scratch, int clock, long event, long timer) {
        try {
            return scratch.orErrno(
                    (int) (long) TimerCreate.HANDLE.invokeExact(scratch.errno, (long) clock, event, timer, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    /** A {@code timer_t} is a pointer in the headers and a number in fact. */
    private static final class TimerSettime {
        static final MethodHandle HANDLE = Link.withErrno("timer_settime");
    }

    static int timer_settime(Scratch scratch, long timer, long times) {
        try {
            return scratch.orErrno(
                    (int) (long) TimerSettime.HANDLE.invokeExact(scratch.errno, timer, 0L, times, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class TimerDelete {
        static final MethodHandle HANDLE = Link.withErrno("timer_delete");
    }

    static int timer_delete(Scratch scratch, long timer) {
        try {
            return scratch.orErrno(
                    (int) (long) TimerDelete.HANDLE.invokeExact(scratch.errno, timer, 0L, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class Fcntl {
        static final MethodHandle HANDLE = Link.withErrno("fcntl");
    }

    static int fcntl(Scratch scratch, int fd, int command, long argument) {
        try {
            return scratch.orErrno((int)
                    (long) Fcntl.HANDLE.invokeExact(scratch.errno, (long) fd, (long) command, argument, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class Prctl {
        static final MethodHandle HANDLE = Link.withErrno("prctl");
    }

    static int prctl(Scratch scratch, int option, long argument) {
        try {
            return scratch.orErrno(
                    (int) (long) Prctl.HANDLE.invokeExact(scratch.errno, (long) option, argument, 0L, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class PthreadSetnameNp {
        static final MethodHandle HANDLE = Link.withErrno("pthread_setname_np");
    }

    /** Returns the error number, positive. */
    static int pthread_setname_np(Scratch scratch, long thread, long name) {
        try {
            return (int) (long) PthreadSetnameNp.HANDLE.invokeExact(scratch.errno, thread, name, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class PthreadSetschedparam {
        static final MethodHandle HANDLE = Link.plain("pthread_setschedparam");
    }

    /** Returns the error number, positive. */
    static int pthread_setschedparam(long thread, int policy, long param) {
        try {
            return (int) (long) PthreadSetschedparam.HANDLE.invokeExact(thread, (long) policy, param, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class PthreadGetschedparam {
        static final MethodHandle HANDLE = Link.plain("pthread_getschedparam");
    }

    /** Returns the error number, positive. */
    static int pthread_getschedparam(long thread, long policy, long param) {
        try {
            return (int) (long) PthreadGetschedparam.HANDLE.invokeExact(thread, policy, param, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    /** {@code union sigval} is passed by value, see {@link #sigqueue}. */
    private static final class PthreadSigqueue {
        static final MethodHandle HANDLE = Link.plain("pthread_sigqueue");
    }

    /** Returns the error number, positive. */
    static int pthread_sigqueue(long thread, int signal, long value) {
        try {
            return (int) (long) PthreadSigqueue.HANDLE.invokeExact(thread, (long) signal, value, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class PthreadSigmask {
        static final MethodHandle HANDLE = Link.plain("pthread_sigmask");
    }

    /** Returns the error number, positive. */
    static int pthread_sigmask(int how, long set, long old) {
        try {
            return (int) (long) PthreadSigmask.HANDLE.invokeExact((long) how, set, old, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class Getpid {
        static final MethodHandle HANDLE = Link.withErrno("getpid");
    }

    static int getpid(Scratch scratch) {
        try {
            return (int) (long) Getpid.HANDLE.invokeExact(scratch.errno, 0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class PthreadSelf {
        static final MethodHandle HANDLE = Link.withErrno("pthread_self");
    }

    static long pthread_self(Scratch scratch) {
        try {
            return (long) PthreadSelf.HANDLE.invokeExact(scratch.errno, 0L, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class SchedGetcpu {
        static final MethodHandle HANDLE = Link.critical("sched_getcpu");
    }

    /** Returns -1 without an errno. */
    static int sched_getcpu() {
        try {
            return (int) (long) SchedGetcpu.HANDLE.invokeExact();
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    private static final class Syscall {
        static final MethodHandle HANDLE = Link.withErrno("syscall");
    }

    private static final class Wake {
        static final MethodHandle HANDLE = Link.plain("syscall");
    }

    /**
     * futex(2) FUTEX_WAKE_PRIVATE, without memory of the calling thread: a wake-up must not fail for want of it.
     *
     * @return how many were woken, or -1 for an error that is not known
     */
    static int wake(long address, int count) {
        try {
            return (int) (long) Wake.HANDLE.invokeExact(
                    SystemCall.FUTEX, address, SystemCall.FUTEX_WAKE_PRIVATE, (long) count, 0L, 0L);
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }

    /** syscall(2) with four arguments. */
    static int syscall(Scratch scratch, long number, long a, long b, long c, long d) {
        try {
            return (int) scratch.orErrno((long) Syscall.HANDLE.invokeExact(scratch.errno, number, a, b, c, d, 0L));
        } catch (Throwable t) {
            throw Link.unexpected(t);
        }
    }
}
