// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.percpu.bindings.spi.StackRoom;

/**
 * The C functions under their C names. Pointers are addresses. errno is captured before the JVM can change it. A
 * function that fails returns -errno, except where its comment says otherwise.
 *
 * <p>{@link FfmProvider} initialises this class after {@link Link#all()}, before anybody can call a function. The
 * initialiser copies what was linked. Functions of the other two shapes look at a flag first: their handles are in
 * classes that only {@link #linkPlain} and {@link #linkCritical} initialise. The handles and the addresses are
 * constants, so the compiler folds them into the call.
 */
final class LibC {
    private static final Link LINK = Link.all();

    private static final MethodHandle WITH_ERRNO = LINK.withErrno;

    private static final MemorySegment DLERROR = LINK.function("dlerror");
    private static final MemorySegment DLOPEN = LINK.function("dlopen");
    private static final MemorySegment DLSYM = LINK.function("dlsym");
    private static final MemorySegment FCNTL = LINK.function("fcntl");
    private static final MemorySegment GETEUID = LINK.function("geteuid");
    private static final MemorySegment GETPID = LINK.function("getpid");
    private static final MemorySegment GETRLIMIT = LINK.function("getrlimit");
    private static final MemorySegment LIBC_CURRENT_SIGRTMAX = LINK.function("__libc_current_sigrtmax");
    private static final MemorySegment LIBC_CURRENT_SIGRTMIN = LINK.function("__libc_current_sigrtmin");
    private static final MemorySegment PRCTL = LINK.function("prctl");
    private static final MemorySegment PTHREAD_GETNAME_NP = LINK.function("pthread_getname_np");
    private static final MemorySegment PTHREAD_GETSCHEDPARAM = LINK.function("pthread_getschedparam");
    private static final MemorySegment PTHREAD_KILL = LINK.function("pthread_kill");
    private static final MemorySegment PTHREAD_SELF = LINK.function("pthread_self");
    private static final MemorySegment PTHREAD_SETNAME_NP = LINK.function("pthread_setname_np");
    private static final MemorySegment PTHREAD_SETSCHEDPARAM = LINK.function("pthread_setschedparam");
    private static final MemorySegment PTHREAD_SIGMASK = LINK.function("pthread_sigmask");
    private static final MemorySegment PTHREAD_SIGQUEUE = LINK.function("pthread_sigqueue");
    private static final MemorySegment SCHED_GET_PRIORITY_MAX = LINK.function("sched_get_priority_max");
    private static final MemorySegment SCHED_GET_PRIORITY_MIN = LINK.function("sched_get_priority_min");
    private static final MemorySegment SCHED_GETAFFINITY = LINK.function("sched_getaffinity");
    private static final MemorySegment SCHED_GETCPU = LINK.function("sched_getcpu");
    private static final MemorySegment SCHED_GETPARAM = LINK.function("sched_getparam");
    private static final MemorySegment SCHED_GETSCHEDULER = LINK.function("sched_getscheduler");
    private static final MemorySegment SCHED_SETAFFINITY = LINK.function("sched_setaffinity");
    private static final MemorySegment SCHED_YIELD = LINK.function("sched_yield");
    private static final MemorySegment SETPRIORITY = LINK.function("setpriority");
    private static final MemorySegment SETRLIMIT = LINK.function("setrlimit");
    private static final MemorySegment SIGPENDING = LINK.function("sigpending");
    private static final MemorySegment SIGQUEUE = LINK.function("sigqueue");
    private static final MemorySegment SIGTIMEDWAIT = LINK.function("sigtimedwait");
    private static final MemorySegment STRERROR_R = LINK.function("strerror_r");
    private static final MemorySegment STRNCPY = LINK.function("strncpy");
    private static final MemorySegment SYSCALL = LINK.function("syscall");
    private static final MemorySegment SYSCONF = LINK.function("sysconf");
    private static final MemorySegment TIMER_CREATE = LINK.function("timer_create");
    private static final MemorySegment TIMER_DELETE = LINK.function("timer_delete");
    private static final MemorySegment TIMER_SETTIME = LINK.function("timer_settime");

    /** Set once, and read without order: whoever sees it goes through the initialiser of the class. */
    private static boolean plainIsLinked;

    private static boolean criticalIsLinked;

    private static boolean sevenIsLinked;

    private static final class Plain {
        static final MethodHandle HANDLE = Link.plain();
    }

    private static final class Critical {
        static final MethodHandle HANDLE = Link.critical();
    }

    private static final class Seven {
        static final MethodHandle HANDLE = Link.seven();
    }

    private LibC() {}

    /** Links, and then initialises the class, at a depth of the stack where there was room to link. */
    private static void linkPlain() {
        StackRoom.require();
        MethodHandle linked = Link.plain();
        plainIsLinked = linked.equals(Plain.HANDLE);
    }

    private static void linkCritical() {
        StackRoom.require();
        MethodHandle linked = Link.critical();
        criticalIsLinked = linked.equals(Critical.HANDLE);
    }

    private static void linkSeven() {
        StackRoom.require();
        MethodHandle linked = Link.seven();
        sevenIsLinked = linked.equals(Seven.HANDLE);
    }

    /** The low 32 bits of the result count: a function that returns an int leaves the others as they are. */
    private static int intWithErrno(MemorySegment function, Scratch scratch, long a, long b, long c) {
        return scratch.orErrno((int) withErrno(function, scratch, a, b, c, 0, 0));
    }

    private static long rawWithErrno(MemorySegment function, Scratch scratch, long a, long b, long c) {
        return withErrno(function, scratch, a, b, c, 0, 0);
    }

    /** Leaves errno in the scratch memory, and the result as the function has returned it. */
    private static long withErrno(MemorySegment function, Scratch scratch, long a, long b, long c, long d, long e) {
        try {
            return (long) WITH_ERRNO.invokeExact(function, scratch.errno, a, b, c, d, e, 0L);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    private static long plain(MemorySegment function, long a, long b, long c) {
        return call(function, a, b, c, 0, 0, 0);
    }

    /** Calls any function whose parameters and result are integers or pointers. */
    static long call(MemorySegment function, long a, long b, long c, long d, long e, long f) {
        if (!plainIsLinked) {
            linkPlain();
        }
        try {
            return (long) Plain.HANDLE.invokeExact(function, a, b, c, d, e, f);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    /** Downcalls throw no checked exceptions, whatever {@code invokeExact} declares. */
    private static Error unexpected(Throwable thrown) {
        if (thrown instanceof RuntimeException e) {
            throw e;
        }
        return thrown instanceof Error e ? e : new AssertionError("a downcall threw a checked exception", thrown);
    }

    static int sched_setaffinity(Scratch scratch, int tid, long size, long mask) {
        return intWithErrno(SCHED_SETAFFINITY, scratch, tid, size, mask);
    }

    static int sched_getaffinity(Scratch scratch, int tid, long size, long mask) {
        return intWithErrno(SCHED_GETAFFINITY, scratch, tid, size, mask);
    }

    static int sched_getscheduler(Scratch scratch, int tid) {
        return intWithErrno(SCHED_GETSCHEDULER, scratch, tid, 0, 0);
    }

    static int sched_getparam(Scratch scratch, int tid, long param) {
        return intWithErrno(SCHED_GETPARAM, scratch, tid, param, 0);
    }

    static int sched_get_priority_min(Scratch scratch, int policy) {
        return intWithErrno(SCHED_GET_PRIORITY_MIN, scratch, policy, 0, 0);
    }

    static int sched_get_priority_max(Scratch scratch, int policy) {
        return intWithErrno(SCHED_GET_PRIORITY_MAX, scratch, policy, 0, 0);
    }

    static int sched_yield(Scratch scratch) {
        return intWithErrno(SCHED_YIELD, scratch, 0, 0, 0);
    }

    static int setpriority(Scratch scratch, int which, int who, int nice) {
        return intWithErrno(SETPRIORITY, scratch, which, who, nice);
    }

    static int sigpending(Scratch scratch, long set) {
        return intWithErrno(SIGPENDING, scratch, set, 0, 0);
    }

    /** {@code union sigval} is passed by value: eight bytes of class INTEGER, as a {@code long} is. */
    static int sigqueue(Scratch scratch, int pid, int signal, long value) {
        return intWithErrno(SIGQUEUE, scratch, pid, signal, value);
    }

    static int sigtimedwait(Scratch scratch, long set, long info, long timeout) {
        return intWithErrno(SIGTIMEDWAIT, scratch, set, info, timeout);
    }

    static int getrlimit(Scratch scratch, int resource, long limit) {
        return intWithErrno(GETRLIMIT, scratch, resource, limit, 0);
    }

    static int setrlimit(Scratch scratch, int resource, long limit) {
        return intWithErrno(SETRLIMIT, scratch, resource, limit, 0);
    }

    static int timer_create(Scratch scratch, int clock, long event, long timer) {
        return intWithErrno(TIMER_CREATE, scratch, clock, event, timer);
    }

    /** A {@code timer_t} is a pointer in the headers and a number in fact. */
    static int timer_settime(Scratch scratch, long timer, long times) {
        return intWithErrno(TIMER_SETTIME, scratch, timer, 0, times);
    }

    static int timer_delete(Scratch scratch, long timer) {
        return intWithErrno(TIMER_DELETE, scratch, timer, 0, 0);
    }

    static int fcntl(Scratch scratch, int fd, int command, long argument) {
        return intWithErrno(FCNTL, scratch, fd, command, argument);
    }

    static int prctl(Scratch scratch, int option, long argument) {
        return intWithErrno(PRCTL, scratch, option, argument, 0);
    }

    static int getpid(Scratch scratch) {
        return intWithErrno(GETPID, scratch, 0, 0, 0);
    }

    /** Has no error. */
    static int geteuid(Scratch scratch) {
        return (int) rawWithErrno(GETEUID, scratch, 0, 0, 0);
    }

    /** Has no error. */
    static long pthread_self(Scratch scratch) {
        return rawWithErrno(PTHREAD_SELF, scratch, 0, 0, 0);
    }

    /** Returns the error number, positive. */
    static int pthread_setname_np(Scratch scratch, long thread, long name) {
        return (int) rawWithErrno(PTHREAD_SETNAME_NP, scratch, thread, name, 0);
    }

    /** Returns the error number, positive. */
    static int pthread_getname_np(long thread, long name, long size) {
        return (int) plain(PTHREAD_GETNAME_NP, thread, name, size);
    }

    /** Returns the error number, positive. */
    static int pthread_setschedparam(long thread, int policy, long param) {
        return (int) plain(PTHREAD_SETSCHEDPARAM, thread, policy, param);
    }

    /** Returns the error number, positive. */
    static int pthread_getschedparam(long thread, long policy, long param) {
        return (int) plain(PTHREAD_GETSCHEDPARAM, thread, policy, param);
    }

    /** Returns the error number, positive. */
    static int pthread_kill(long thread, int signal) {
        return (int) plain(PTHREAD_KILL, thread, signal, 0);
    }

    /** Returns the error number, positive. {@code union sigval} is passed by value, see {@link #sigqueue}. */
    static int pthread_sigqueue(long thread, int signal, long value) {
        return (int) plain(PTHREAD_SIGQUEUE, thread, signal, value);
    }

    /** Returns the error number, positive. */
    static int pthread_sigmask(int how, long set, long old) {
        return (int) plain(PTHREAD_SIGMASK, how, set, old);
    }

    /** Has no error. */
    static int __libc_current_sigrtmin() {
        return (int) plain(LIBC_CURRENT_SIGRTMIN, 0, 0, 0);
    }

    /** Has no error. */
    static int __libc_current_sigrtmax() {
        return (int) plain(LIBC_CURRENT_SIGRTMAX, 0, 0, 0);
    }

    /** Returns -1 for an error, and without errno for a value that has no limit. */
    static long sysconf(int name) {
        return plain(SYSCONF, name, 0, 0);
    }

    /** The text is at the address that it returns, which may be another than that of the buffer. */
    static long strerror_r(int errno, long buffer, long size) {
        return plain(STRERROR_R, errno, buffer, size);
    }

    /** Returns the destination. */
    static long strncpy(long destination, long source, long size) {
        return plain(STRNCPY, destination, source, size);
    }

    /** Returns 0 for an error. */
    static long dlopen(long path, int flags) {
        return plain(DLOPEN, path, flags, 0);
    }

    /** Returns 0 for an error. */
    static long dlsym(long library, long name) {
        return plain(DLSYM, library, name, 0);
    }

    /** Returns the address of a text, or 0. */
    static long dlerror() {
        return plain(DLERROR, 0, 0, 0);
    }

    /** Returns -1 without an errno. */
    static int sched_getcpu() {
        if (!criticalIsLinked) {
            linkCritical();
        }
        try {
            return (int) (long) Critical.HANDLE.invokeExact(SCHED_GETCPU);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    /**
     * futex(2) FUTEX_WAKE_PRIVATE, without memory of the calling thread: a wake-up must not fail when memory runs out.
     *
     * @return how many were woken, or -1 for an error that is not known
     */
    static int wake(long address, int count) {
        return (int) call(SYSCALL, SystemCall.FUTEX, address, SystemCall.FUTEX_WAKE_PRIVATE, count, 0, 0);
    }

    /**
     * futex(2) FUTEX_WAIT_BITSET_PRIVATE. The call has six arguments besides its number, one more than goes into
     * registers.
     */
    static int waitUntil(Scratch scratch, long address, int expected, long deadline) {
        if (!sevenIsLinked) {
            linkSeven();
        }
        try {
            long result = (long) Seven.HANDLE.invokeExact(
                    SYSCALL,
                    scratch.errno,
                    SystemCall.FUTEX,
                    address,
                    SystemCall.FUTEX_WAIT_BITSET_PRIVATE,
                    (long) expected,
                    deadline,
                    0L,
                    SystemCall.FUTEX_BITSET_MATCH_ANY);
            return (int) scratch.orErrno(result);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    /** syscall(2) with four arguments. */
    static int syscall(Scratch scratch, long number, long a, long b, long c, long d) {
        return (int) scratch.orErrno(withErrno(SYSCALL, scratch, number, a, b, c, d));
    }
}
