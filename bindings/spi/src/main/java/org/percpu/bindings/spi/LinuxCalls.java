// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The functions of the C library that percpu uses, under their C names and in Java's primitive types. A backend
 * marshals and nothing else: what a result means is decided above.
 *
 * <p><b>Results.</b> Every function that can fail returns a value {@code >= 0} on success and the <em>negated</em>
 * error number on failure, whatever its C convention is (errno, or an error number as the pthread functions return it).
 * There is no errno to read afterwards.
 *
 * <p><b>Types.</b> {@code pthread_t} and addresses are {@code long}. A CPU mask is a {@code long[]}: bit {@code n % 64}
 * of word {@code n / 64} is CPU {@code n}. A signal set is the kernel's 64-bit set: bit {@code n - 1} is signal
 * {@code n}.
 *
 * <p><b>Threads.</b> All functions may be called from any platform thread, concurrently. Those that act on "the calling
 * thread" must not be called from a virtual thread, where that is whichever carrier happens to run it; callers check.
 *
 * <p>Variadic C functions, {@code syscall} among them, are offered only in the fixed forms that are needed.
 */
public interface LinuxCalls {
    // Constants of the Linux ABI that are the same on x86-64 and aarch64; native/audit asserts each of them.

    /** Time-sharing policy, sched(7). */
    int SCHED_OTHER = 0;
    /** Real-time policy without time slices, sched(7). */
    int SCHED_FIFO = 1;
    /** Real-time policy with time slices, sched(7). */
    int SCHED_RR = 2;
    /** Non-interactive time-sharing policy, sched(7). */
    int SCHED_BATCH = 3;
    /** Policy for very low priority work, sched(7). */
    int SCHED_IDLE = 5;
    /** Deadline policy, sched(7). */
    int SCHED_DEADLINE = 6;
    /** Flag of a policy: threads started by this one fall back to {@link #SCHED_OTHER}, sched(7). */
    int SCHED_RESET_ON_FORK = 0x40000000;
    /** {@code how} of pthread_sigmask: add to the mask. */
    int SIG_BLOCK = 0;
    /** {@code how} of pthread_sigmask: remove from the mask. */
    int SIG_UNBLOCK = 1;
    /** {@code how} of pthread_sigmask: replace the mask. */
    int SIG_SETMASK = 2;
    /** {@code which} of getpriority and setpriority: a process, or on Linux a single thread. */
    int PRIO_PROCESS = 0;
    /** Limit on processes and threads of the user, getrlimit(2). */
    int RLIMIT_NPROC = 6;
    /** Limit on queued signals of the user, getrlimit(2). */
    int RLIMIT_SIGPENDING = 11;
    /** Ceiling of the nice value: 20 minus the limit is the lowest nice value allowed, getrlimit(2). */
    int RLIMIT_NICE = 13;
    /** Ceiling of the real-time priority, getrlimit(2). */
    int RLIMIT_RTPRIO = 14;
    /** CPU time in microseconds that a real-time thread may use without blocking, getrlimit(2). */
    int RLIMIT_RTTIME = 15;
    /** Limit value that stands for "unlimited", as a signed {@code long}. */
    long RLIM_INFINITY = -1;
    /** Option of prctl: slack in nanoseconds of timed waits of the calling thread, prctl(2). */
    int PR_SET_TIMERSLACK = 29;
    /** Option of prctl: read the slack, prctl(2). */
    int PR_GET_TIMERSLACK = 30;
    /** Name of sysconf: configured processors. */
    int SC_NPROCESSORS_CONF = 83;
    /** Name of sysconf: online processors. */
    int SC_NPROCESSORS_ONLN = 84;
    /** Clock of timers: time since boot, not adjusted by hand, clock_gettime(2). */
    int CLOCK_MONOTONIC = 1;
    /** Command of fcntl: read the file status flags. */
    int F_GETFL = 3;
    /** Command of fcntl: set the file status flags. */
    int F_SETFL = 4;
    /** Command of fcntl: the signal that says that I/O is possible; its {@code si_fd} names the file. */
    int F_SETSIG = 10;
    /** Command of fcntl: the receiver of that signal; the argument is the address of an {@code f_owner_ex}. */
    int F_SETOWN_EX = 15;
    /** Type in {@code f_owner_ex}: a thread. */
    int F_OWNER_TID = 0;
    /** File status flag: signal when I/O is possible. */
    int O_ASYNC = 0x2000;
    /** File status flag: do not wait for I/O. */
    int O_NONBLOCK = 0x800;
    /** Flag of memfd_create: the file is closed when the process runs another program. */
    int MFD_CLOEXEC = 1;
    /**
     * Flag of memfd_create: the file can never be run as a program; its pages can be mapped all the same. Since Linux
     * 6.3.
     */
    int MFD_NOEXEC_SEAL = 8;
    /** Command of membarrier: each thread of this process that runs now passes a full fence before the call returns. */
    int MEMBARRIER_CMD_PRIVATE_EXPEDITED = 8;
    /** Command of membarrier: allows the process to use {@link #MEMBARRIER_CMD_PRIVATE_EXPEDITED}. Since Linux 4.14. */
    int MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED = 16;
    /** Timeout of a wait that ends only by its event. */
    long FOREVER = -1;

    /**
     * The backend behind this object.
     *
     * @return {@code ffm} or {@code jna}, or {@code sim} for a simulated machine
     */
    String backend();

    /**
     * The root of the file system in which {@code /sys} and {@code /proc} describe the machine behind these functions.
     *
     * @return {@code /}, or for a simulated machine a folder with its files
     */
    default Path root() {
        return Path.of("/");
    }

    /**
     * What the kernel shows of the threads of this process.
     *
     * @return the same object every time
     */
    default Tasks tasks() {
        return new ProcTasks();
    }

    /**
     * Starts a Java thread, as {@link Thread#start} does.
     *
     * @param thread a thread that was not started yet
     * @throws OutOfMemoryError if the system has no thread left
     */
    default void start(Thread thread) {
        Argument.requireNonNull(thread, "start", "thread").start();
    }

    // ---- identity

    /**
     * getpid(2).
     *
     * @return the process id
     */
    int getpid();

    /**
     * gettid(2) of the calling thread.
     *
     * @return the kernel's thread id
     */
    int gettid();

    /**
     * geteuid(2).
     *
     * @return the effective user id
     */
    int geteuid();

    /**
     * pthread_self(3) of the calling thread.
     *
     * @return its {@code pthread_t}; valid only while the thread lives
     */
    long pthread_self();

    // ---- CPU affinity

    /**
     * sched_getcpu(3).
     *
     * @return the number of the CPU the caller is on now, which may be stale on return; or -errno
     */
    int sched_getcpu();

    /**
     * sched_setaffinity(2).
     *
     * @param tid kernel thread id, 0 for the calling thread
     * @param mask CPUs; the kernel drops those it does not allow and fails with EINVAL only if none is left
     * @return 0, or -errno: EINVAL (no allowed CPU), EPERM, ESRCH
     */
    int sched_setaffinity(int tid, long[] mask);

    /**
     * sched_getaffinity(2).
     *
     * @param tid kernel thread id, 0 for the calling thread
     * @param mask receives the CPUs; cleared behind what the kernel writes
     * @return 0, or -errno: EINVAL (mask smaller than the kernel's: grow and retry), ESRCH
     */
    int sched_getaffinity(int tid, long[] mask);

    // ---- scheduling

    /**
     * sched_getscheduler(2).
     *
     * @param tid kernel thread id, 0 for the calling thread
     * @return the policy, with {@link #SCHED_RESET_ON_FORK} if set; or -errno
     */
    int sched_getscheduler(int tid);

    /**
     * sched_getparam(2).
     *
     * @param tid kernel thread id, 0 for the calling thread
     * @return the real-time priority, 0 for time-sharing threads; or -errno
     */
    int sched_getparam(int tid);

    /**
     * sched_get_priority_min(2).
     *
     * @param policy scheduling policy
     * @return lowest priority of the policy, or -errno
     */
    int sched_get_priority_min(int policy);

    /**
     * sched_get_priority_max(2).
     *
     * @param policy scheduling policy
     * @return highest priority of the policy, or -errno
     */
    int sched_get_priority_max(int policy);

    /**
     * pthread_setschedparam(3).
     *
     * @param thread a living thread of this process
     * @param policy scheduling policy, {@link #SCHED_RESET_ON_FORK} may be added
     * @param priority real-time priority, 0 for time-sharing policies
     * @return 0, or -errno: EPERM, EINVAL
     */
    int pthread_setschedparam(long thread, int policy, int priority);

    /**
     * pthread_getschedparam(3).
     *
     * @param thread a living thread of this process
     * @param policyAndPriority receives two values
     * @return 0, or -errno
     */
    int pthread_getschedparam(long thread, int[] policyAndPriority);

    /**
     * getpriority(2), with the result of the system call rather than of the C library, which mixes up -1 and errors.
     *
     * @param which {@link #PRIO_PROCESS}
     * @param who kernel thread id, 0 for the calling thread
     * @return 20 minus the nice value: 1 (nice 19) to 40 (nice -20); or -errno
     */
    int getpriority(int which, int who);

    /**
     * setpriority(2). On Linux a thread id names one thread, not its process.
     *
     * @param which {@link #PRIO_PROCESS}
     * @param who kernel thread id, 0 for the calling thread
     * @param nice -20 (most urgent) to 19; the kernel clamps
     * @return 0, or -errno: EACCES (lower than RLIMIT_NICE allows), EPERM, ESRCH
     */
    int setpriority(int which, int who, int nice);

    /**
     * sched_yield(2).
     *
     * @return 0
     */
    int sched_yield();

    // ---- names

    /**
     * pthread_setname_np(3).
     *
     * @param thread a living thread of this process
     * @param name encoded as UTF-8; at most 15 bytes
     * @return 0, or -errno: ERANGE (longer)
     */
    int pthread_setname_np(long thread, String name);

    /**
     * pthread_getname_np(3).
     *
     * @param thread a living thread of this process
     * @param name receives the name, UTF-8, zero-terminated; at least 16 bytes
     * @return 0, or -errno: ERANGE (array too small)
     */
    int pthread_getname_np(long thread, byte[] name);

    // ---- signals

    /**
     * SIGRTMIN, after the C library has taken its own.
     *
     * @return lowest real-time signal that may be used
     */
    int __libc_current_sigrtmin();

    /**
     * SIGRTMAX.
     *
     * @return highest real-time signal
     */
    int __libc_current_sigrtmax();

    /**
     * pthread_sigmask(3) of the calling thread.
     *
     * @param how {@link #SIG_BLOCK}, {@link #SIG_UNBLOCK} or {@link #SIG_SETMASK}
     * @param set one word, or null to change nothing
     * @param old one word that receives the mask as it was before, or null
     * @return 0, or -errno: EINVAL
     */
    int pthread_sigmask(int how, long @Nullable [] set, long @Nullable [] old);

    /**
     * sigpending(2).
     *
     * @param set one word that receives the blocked signals waiting for the calling thread or the process
     * @return 0, or -errno
     */
    int sigpending(long[] set);

    /**
     * pthread_kill(3).
     *
     * @param thread a living thread of this process
     * @param signal number, 0 to check only
     * @return 0, or -errno: EINVAL, EAGAIN (RLIMIT_SIGPENDING)
     */
    int pthread_kill(long thread, int signal);

    /**
     * pthread_sigqueue(3).
     *
     * @param thread a living thread of this process
     * @param signal number
     * @param value data that arrives with a real-time signal
     * @return 0, or -errno: EINVAL, EAGAIN (RLIMIT_SIGPENDING)
     */
    int pthread_sigqueue(long thread, int signal, long value);

    /**
     * sigqueue(3).
     *
     * @param pid process
     * @param signal number
     * @param value data that arrives with a real-time signal
     * @return 0, or -errno: EINVAL, EAGAIN, EPERM, ESRCH
     */
    int sigqueue(int pid, int signal, long value);

    /**
     * sigtimedwait(2): accepts one pending signal of a set that the calling thread has blocked.
     *
     * @param set signals to wait for
     * @param valueAndCode two words that receive {@code si_value} and {@code si_code}, or null
     * @param timeoutNanos nanoseconds to wait, 0 to poll, {@link #FOREVER}
     * @return the signal number, or -errno: EAGAIN (time is up), EINTR
     */
    int sigtimedwait(long set, long @Nullable [] valueAndCode, long timeoutNanos);

    // ---- limits and process settings

    /**
     * getrlimit(2).
     *
     * @param resource one of the {@code RLIMIT_} constants
     * @param softAndHard receives two values; {@link #RLIM_INFINITY} is unlimited
     * @return 0, or -errno
     */
    int getrlimit(int resource, long[] softAndHard);

    /**
     * setrlimit(2).
     *
     * @param resource one of the {@code RLIMIT_} constants
     * @param soft limit in force
     * @param hard ceiling for the soft limit
     * @return 0, or -errno: EPERM, EINVAL
     */
    int setrlimit(int resource, long soft, long hard);

    /**
     * prctl(2) with one argument.
     *
     * @param option one of the {@code PR_} constants
     * @param argument meaning depends on the option
     * @return the option's result, or -errno
     */
    int prctl(int option, long argument);

    /**
     * sysconf(3).
     *
     * @param name one of the {@code SC_} constants
     * @return the value, or -errno
     */
    long sysconf(int name);

    /**
     * strerror(3).
     *
     * @param errno error number, positive
     * @return the C library's text
     */
    String strerror(int errno);

    // ---- waiting on memory

    /**
     * The address of a direct buffer's first byte (index 0, whatever its position). It is valid while the buffer is
     * reachable.
     *
     * @param direct a direct buffer
     * @return its address
     * @throws IllegalArgumentException if the buffer is not direct
     */
    long address(ByteBuffer direct);

    /**
     * Native memory that C code or the kernel may use for ever: it is never freed, not even when the caller's class
     * loader is collected.
     *
     * @param bytes size
     * @return a direct buffer in native byte order, zeroed, which starts at a cache line
     */
    ByteBuffer allocate(int bytes);

    /**
     * Reads a 32-bit word of memory from {@link #allocate} by the shortest way that the backend has: through the buffer
     * or by the address. It is a plain read.
     *
     * @param words the memory
     * @param address of the memory
     * @param index of the word; one outside of the memory has no defined result
     * @return the word
     */
    int getInt(IntBuffer words, long address, int index);

    /**
     * Writes a 32-bit word of memory from {@link #allocate}, as {@link #getInt} reads it. It is a plain write.
     *
     * @param words the memory
     * @param address of the memory
     * @param index of the word; one outside of the memory has no defined result
     * @param value the word
     */
    void putInt(IntBuffer words, long address, int index, int value);

    /**
     * A view of native memory that other code has allocated.
     *
     * @param address of its first byte
     * @param bytes size
     * @return a direct buffer in native byte order; it is valid as long as the memory is
     */
    ByteBuffer memory(long address, int bytes);

    /**
     * futex(2) FUTEX_WAIT_PRIVATE: sleeps while the word holds the expected value.
     *
     * @param address of an aligned 32-bit word in native memory
     * @param expected value to sleep on
     * @param timeoutNanos longest sleep in nanoseconds, or {@link #FOREVER}
     * @return 0 after a wake-up, which may be spurious; or -errno: EAGAIN (the word differs), EINTR, ETIMEDOUT, EFAULT
     */
    int futex_wait(long address, int expected, long timeoutNanos);

    /**
     * futex(2) FUTEX_WAIT_BITSET_PRIVATE: sleeps while the word holds the expected value, until a moment of
     * {@link #CLOCK_MONOTONIC}. A thread that Linux does not run between the call and the sleep wakes no later for it.
     *
     * @param address of an aligned 32-bit word in native memory
     * @param expected value to sleep on
     * @param deadlineNanos when the sleep ends, as {@link #clock_gettime} counts; not negative
     * @return 0 after a wake-up, which may be spurious; or -errno: EAGAIN (the word differs), EINTR, ETIMEDOUT, EFAULT,
     *     EINVAL (a negative deadline)
     */
    int futex_wait_until(long address, int expected, long deadlineNanos);

    /**
     * futex(2) FUTEX_WAKE_PRIVATE.
     *
     * @param address of an aligned 32-bit word in native memory
     * @param count how many sleepers to wake at most
     * @return how many were woken; or -errno: EFAULT
     */
    int futex_wake(long address, int count);

    // ---- timers and files

    /**
     * clock_gettime(2). On Linux {@link System#nanoTime()} reads the same clock, so the backends need no system call.
     *
     * @param clock {@link #CLOCK_MONOTONIC}
     * @return nanoseconds since the boot, not negative; or -errno: EINVAL (another clock)
     */
    long clock_gettime(int clock);

    /**
     * timer_create(2) with SIGEV_THREAD_ID: a timer that signals one thread.
     *
     * @param clock {@link #CLOCK_MONOTONIC}
     * @param signal number
     * @param tid kernel thread id of a thread of this process
     * @param value data that arrives with the signal
     * @return the timer, or -errno: EINVAL, EAGAIN (RLIMIT_SIGPENDING), ENOSYS (no such function)
     */
    long timer_create(int clock, int signal, int tid, long value);

    /**
     * timer_settime(2), relative. An expiry that finds the signal of the earlier expiry still pending is counted as an
     * overrun.
     *
     * @param timer from {@link #timer_create}
     * @param firstNanos time to the first expiry; 0 stops the timer
     * @param intervalNanos time between expiries; 0 for a single one
     * @return 0, or -errno: EINVAL
     */
    int timer_settime(long timer, long firstNanos, long intervalNanos);

    /**
     * timer_delete(2).
     *
     * @param timer from {@link #timer_create}
     * @return 0, or -errno: EINVAL
     */
    int timer_delete(long timer);

    /**
     * fcntl(2) with one argument.
     *
     * @param fd file descriptor
     * @param command one of the {@code F_} constants
     * @param argument a number, or an address in native memory
     * @return the command's result, or -errno: EBADF, EINVAL, ESRCH (F_SETOWN_EX: no such thread)
     */
    int fcntl(int fd, int command, long argument);

    /**
     * close(2).
     *
     * @param fd file descriptor
     * @return 0, or -errno: EBADF
     */
    int close(int fd);

    /**
     * memfd_create(2): a file in memory that is in no folder. Its path is {@code /proc/self/fd/} and the result.
     *
     * @param name for {@code /proc/self/maps}
     * @param flags {@link #MFD_CLOEXEC}, {@link #MFD_NOEXEC_SEAL}
     * @return a file descriptor, or -errno: EINVAL (unknown flag), EMFILE, ENOSYS
     */
    int memfd_create(String name, int flags);

    // ---- memory order

    /**
     * membarrier(2): fences in other threads. A thread that does not run now has passed one when it stopped.
     *
     * @param command one of {@code MEMBARRIER_CMD_*}
     * @return 0 or a negative error number: ENOSYS if the machine has no such call, EINVAL if it does not know the
     *     command, EPERM if the process has not registered for it
     */
    int membarrier(int command);

    // ---- other libraries

    /**
     * dlopen(3) with RTLD_NOW and RTLD_LOCAL. The library stays loaded.
     *
     * @param path of a shared library, or null for the symbols of the process
     * @return its handle
     * @throws UnsupportedOperationException if it cannot be loaded; the message is that of dlerror(3)
     */
    long dlopen(@Nullable String path);

    /**
     * dlsym(3).
     *
     * @param library from {@link #dlopen}
     * @param name of a symbol
     * @return its address, 0 if there is none
     */
    long dlsym(long library, String name);

    /**
     * Calls a C function whose parameters and result are integers of any width or pointers, at most six of them. A
     * function with fewer parameters ignores the rest; of a result narrower than {@code long} only the low bits count;
     * errno is not kept.
     *
     * @param function address of a function that is not variadic
     * @param a first argument
     * @param b second argument
     * @param c third argument
     * @param d fourth argument
     * @param e fifth argument
     * @param f sixth argument
     * @return what it returns
     */
    long call(long function, long a, long b, long c, long d, long e, long f);
}
