// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.jna;

/**
 * The C functions under their C names. Pointers are {@code long}, {@code size_t} and {@code rlim_t} are {@code long},
 * {@code pid_t} and {@code id_t} are {@code int}: the LP64 ABI of x86-64 and aarch64.
 *
 * <p>{@code syscall}, {@code prctl} and {@code fcntl} are variadic in C and are declared here with fixed arguments. On
 * Linux both architectures pass variadic integers in the registers of named ones, and libffi sets the count of vector
 * registers that x86-64 also wants.
 *
 * <p>{@code union sigval} is passed by value: eight bytes of class INTEGER, so a {@code long} in both calling
 * conventions.
 */
final class LibC {
    private LibC() {}

    static native int getpid();

    static native int geteuid();

    static native long pthread_self();

    static native int sched_getcpu();

    static native int sched_setaffinity(int tid, long size, long mask);

    static native int sched_getaffinity(int tid, long size, long mask);

    static native int sched_getscheduler(int tid);

    static native int sched_getparam(int tid, long param);

    static native int sched_get_priority_min(int policy);

    static native int sched_get_priority_max(int policy);

    static native int sched_yield();

    static native int pthread_setschedparam(long thread, int policy, long param);

    static native int pthread_getschedparam(long thread, long policy, long param);

    static native int setpriority(int which, int who, int nice);

    static native int pthread_setname_np(long thread, long name);

    static native int pthread_getname_np(long thread, long name, long size);

    static native int __libc_current_sigrtmin();

    static native int __libc_current_sigrtmax();

    static native int pthread_sigmask(int how, long set, long old);

    static native int sigpending(long set);

    static native int pthread_kill(long thread, int signal);

    static native int sigqueue(int pid, int signal, long value);

    static native int sigtimedwait(long set, long info, long timeout);

    static native int getrlimit(int resource, long limit);

    static native int setrlimit(int resource, long limit);

    static native int prctl(int option, long a, long b, long c, long d);

    static native long sysconf(int name);

    static native long strerror(int errno);

    static native long syscall(long number, long a, long b, long c, long d, long e, long f);

    static native int fcntl(int fd, int command, long argument);

    static native long dlopen(long path, int flags);

    static native long dlerror();

    static native long strncpy(long destination, long source, long size);

    static native long dlsym(long library, long name);

    /** In a class of their own, because they are in librt before glibc 2.34. A {@code timer_t} is a number in fact. */
    static final class Timers {
        private Timers() {}

        static native int timer_create(int clock, long event, long timer);

        static native int timer_settime(long timer, int flags, long times, long old);

        static native int timer_delete(long timer);
    }

    /** In a class of its own, because JNA registers a class as a whole and musl has no such function. */
    static final class Sigqueue {
        private Sigqueue() {}

        static native int pthread_sigqueue(long thread, int signal, long value);
    }
}
