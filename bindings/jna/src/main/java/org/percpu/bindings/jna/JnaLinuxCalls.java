// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.jna;

import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/** Marshals between Java arrays and the calling thread's {@link Scratch}, and turns errno into negative results. */
final class JnaLinuxCalls implements LinuxCalls {
    private static final int FUTEX_WAIT_PRIVATE = 128;
    private static final int FUTEX_WAKE_PRIVATE = 1 | 128;
    private static final int FUTEX_WAIT_BITSET_PRIVATE = 9 | 128;
    private static final long FUTEX_BITSET_MATCH_ANY = 0xffffffffL;

    /** Offsets in {@code siginfo_t} on 64-bit Linux. */
    private static final int SI_CODE = 8;

    private static final int SI_VALUE = 24;
    private static final int SIGINFO_BYTES = 128;
    private static final int SIGEVENT_BYTES = 64;
    private static final int SIGEV_THREAD_ID = 4;
    private static final int TIMESPEC_BYTES = 16;
    private static final int RTLD_NOW = 2;
    private static final int CACHE_LINE = 64;

    private static @Nullable JnaLinuxCalls linked;

    /** Kept because JNA unloads what is no longer reachable. */
    @SuppressWarnings("UnusedVariable")
    private final NativeLibrary process;

    private final boolean hasSigqueue;
    private final boolean hasTimers;

    private JnaLinuxCalls(NativeLibrary process) {
        this.process = process;
        // Symbols of the process rather than of libc: before glibc 2.34 pthread functions are in libpthread, which the
        // java launcher is linked to.
        Native.register(LibC.class, process);
        hasSigqueue = registers(LibC.Sigqueue.class, process);
        hasTimers = registers(LibC.Timers.class, process);
    }

    private static boolean registers(Class<?> functions, NativeLibrary library) {
        try {
            Native.register(functions, library);
            return true;
        } catch (UnsatisfiedLinkError e) {
            return false;
        }
    }

    /**
     * Links the functions, or answers with those linked before.
     *
     * @throws LinkageError if JNA or its native library does not load
     * @throws UnsupportedOperationException if the C library lacks a function
     */
    static synchronized JnaLinuxCalls open() {
        JnaLinuxCalls calls = linked;
        if (calls == null) {
            NativeLibrary process = NativeLibrary.getProcess();
            try {
                calls = new JnaLinuxCalls(process);
            } catch (UnsatisfiedLinkError e) {
                throw new UnsupportedOperationException("the C library lacks a function: " + e.getMessage(), e);
            }
            int pid = calls.getpid();
            if (pid != ProcessHandle.current().pid()) {
                throw new UnsupportedOperationException("JNA calls do not work: getpid returned " + pid + " in process "
                        + ProcessHandle.current().pid());
            }
            first(calls);
            linked = calls;
        }
        return calls;
    }

    /** Initialises all classes on the way of any call, here, where the stack and the memory suffice. */
    private static void first(JnaLinuxCalls calls) {
        int tid = calls.gettid();
        int badFile = calls.fcntl(-1, F_GETFL, 0);
        int unchanged = calls.pthread_sigmask(SIG_BLOCK, null, null);
        ByteBuffer memory = calls.allocate(Integer.BYTES);
        int zero = calls.getInt(memory.asIntBuffer(), calls.address(memory), 0);
        long pid = calls.call(calls.dlsym(calls.dlopen(null), "getpid"), 0, 0, 0, 0, 0, 0);
        assert tid > 0 && badFile < 0 && unchanged == 0 && zero == 0 && pid > 0
                : tid + " " + badFile + " " + unchanged + " " + zero + " " + pid;
    }

    /** For functions that return -1 and set errno. JNA saves errno per thread right after each call. */
    private static int orErrno(int result) {
        return result == -1 ? -Native.getLastError() : result;
    }

    private static long orErrno(long result) {
        return result == -1 ? -Native.getLastError() : result;
    }

    @Override
    public String backend() {
        return "jna";
    }

    @Override
    public int getpid() {
        return LibC.getpid();
    }

    @Override
    public int gettid() {
        return (int) systemCall(SystemCall.GETTID, 0, 0, 0, 0);
    }

    @Override
    public int geteuid() {
        return LibC.geteuid();
    }

    @Override
    public long pthread_self() {
        return LibC.pthread_self();
    }

    @Override
    public int sched_getcpu() {
        return orErrno(LibC.sched_getcpu());
    }

    @Override
    public int sched_setaffinity(int tid, long[] mask) {
        int size = mask.length * Long.BYTES;
        Scratch scratch = Scratch.mine(size);
        scratch.longs().put(0, mask);
        return orErrno(LibC.sched_setaffinity(tid, size, scratch.address()));
    }

    @Override
    public int sched_getaffinity(int tid, long[] mask) {
        int size = mask.length * Long.BYTES;
        Scratch scratch = Scratch.mine(size);
        int result = orErrno(LibC.sched_getaffinity(tid, size, scratch.address()));
        if (result >= 0) {
            scratch.longs().get(0, mask);
        }
        return result;
    }

    @Override
    public int sched_getscheduler(int tid) {
        return orErrno(LibC.sched_getscheduler(tid));
    }

    @Override
    public int sched_getparam(int tid) {
        Scratch scratch = Scratch.mine();
        int result = orErrno(LibC.sched_getparam(tid, scratch.address()));
        return result < 0 ? result : scratch.bytes().getInt(0);
    }

    @Override
    public int sched_get_priority_min(int policy) {
        return orErrno(LibC.sched_get_priority_min(policy));
    }

    @Override
    public int sched_get_priority_max(int policy) {
        return orErrno(LibC.sched_get_priority_max(policy));
    }

    @Override
    public int pthread_setschedparam(long thread, int policy, int priority) {
        Scratch scratch = Scratch.mine();
        scratch.bytes().putInt(0, priority);
        return -LibC.pthread_setschedparam(thread, policy, scratch.address());
    }

    @Override
    public int pthread_getschedparam(long thread, int[] policyAndPriority) {
        Scratch scratch = Scratch.mine();
        int error = LibC.pthread_getschedparam(thread, scratch.address(), scratch.address() + Integer.BYTES);
        if (error == 0) {
            policyAndPriority[0] = scratch.bytes().getInt(0);
            policyAndPriority[1] = scratch.bytes().getInt(Integer.BYTES);
        }
        return -error;
    }

    @Override
    public int getpriority(int which, int who) {
        return (int) orErrno(systemCall(SystemCall.GETPRIORITY, which, who, 0, 0));
    }

    @Override
    public int setpriority(int which, int who, int nice) {
        return orErrno(LibC.setpriority(which, who, nice));
    }

    @Override
    public int sched_yield() {
        return orErrno(LibC.sched_yield());
    }

    @Override
    public int pthread_setname_np(long thread, String name) {
        byte[] encoded = name.getBytes(StandardCharsets.UTF_8);
        Scratch scratch = Scratch.mine(encoded.length + 1);
        scratch.bytes().put(0, encoded).put(encoded.length, (byte) 0);
        return -LibC.pthread_setname_np(thread, scratch.address());
    }

    @Override
    public int pthread_getname_np(long thread, byte[] name) {
        Scratch scratch = Scratch.mine(name.length);
        int error = LibC.pthread_getname_np(thread, scratch.address(), name.length);
        if (error == 0) {
            scratch.bytes().get(0, name);
        }
        return -error;
    }

    @Override
    public int __libc_current_sigrtmin() {
        return LibC.__libc_current_sigrtmin();
    }

    @Override
    public int __libc_current_sigrtmax() {
        return LibC.__libc_current_sigrtmax();
    }

    @Override
    public int pthread_sigmask(int how, long @Nullable [] set, long @Nullable [] old) {
        Scratch scratch = Scratch.mine();
        long oldAddress = scratch.address() + Scratch.SIGSET_BYTES;
        if (set != null) {
            scratch.sigset(0, set[0]);
        }
        int error = LibC.pthread_sigmask(how, set == null ? 0 : scratch.address(), old == null ? 0 : oldAddress);
        if (error == 0 && old != null) {
            old[0] = scratch.bytes().getLong(Scratch.SIGSET_BYTES);
        }
        return -error;
    }

    @Override
    public int sigpending(long[] set) {
        Scratch scratch = Scratch.mine();
        int result = orErrno(LibC.sigpending(scratch.address()));
        if (result >= 0) {
            set[0] = scratch.bytes().getLong(0);
        }
        return result;
    }

    @Override
    public int pthread_kill(long thread, int signal) {
        return -LibC.pthread_kill(thread, signal);
    }

    @Override
    public int pthread_sigqueue(long thread, int signal, long value) {
        return hasSigqueue ? -LibC.Sigqueue.pthread_sigqueue(thread, signal, value) : -Errno.ENOSYS.number();
    }

    @Override
    public int sigqueue(int pid, int signal, long value) {
        return orErrno(LibC.sigqueue(pid, signal, value));
    }

    @Override
    public int sigtimedwait(long set, long @Nullable [] valueAndCode, long timeoutNanos) {
        Scratch scratch = Scratch.mine();
        scratch.sigset(0, set);
        int info = Scratch.SIGSET_BYTES;
        long timeout = timeoutNanos == FOREVER ? 0 : scratch.timespec(info + SIGINFO_BYTES, timeoutNanos);
        int result = orErrno(LibC.sigtimedwait(scratch.address(), scratch.address() + info, timeout));
        if (result >= 0 && valueAndCode != null) {
            valueAndCode[0] = scratch.bytes().getLong(info + SI_VALUE);
            valueAndCode[1] = scratch.bytes().getInt(info + SI_CODE);
        }
        return result;
    }

    @Override
    public int getrlimit(int resource, long[] softAndHard) {
        Scratch scratch = Scratch.mine();
        int result = orErrno(LibC.getrlimit(resource, scratch.address()));
        if (result >= 0) {
            scratch.longs().get(0, softAndHard, 0, 2);
        }
        return result;
    }

    @Override
    public int setrlimit(int resource, long soft, long hard) {
        Scratch scratch = Scratch.mine();
        scratch.longs().put(0, soft).put(1, hard);
        return orErrno(LibC.setrlimit(resource, scratch.address()));
    }

    @Override
    public int prctl(int option, long argument) {
        return orErrno(LibC.prctl(option, argument, 0, 0, 0));
    }

    @Override
    public long sysconf(int name) {
        return orErrno(LibC.sysconf(name));
    }

    @Override
    public String strerror(int errno) {
        return Scratch.text(LibC.strerror(errno));
    }

    @Override
    public long address(ByteBuffer direct) {
        if (!direct.isDirect()) {
            throw new IllegalArgumentException(
                    "a heap buffer has no address to give away: " + direct + "; use ByteBuffer.allocateDirect");
        }
        return Pointer.nativeValue(Native.getDirectBufferPointer(direct));
    }

    @Override
    public ByteBuffer allocate(int bytes) {
        int room = bytes + CACHE_LINE;
        long address = Native.malloc(room);
        if (address == 0) {
            throw new OutOfMemoryError("malloc(" + room + ") of the C library");
        }
        new Pointer(address).clear(room);
        return memory((address + CACHE_LINE - 1) & -CACHE_LINE, bytes);
    }

    @Override
    public int getInt(IntBuffer words, long address, int index) {
        return words.get(index);
    }

    @Override
    public void putInt(IntBuffer words, long address, int index, int value) {
        words.put(index, value);
    }

    @Override
    public ByteBuffer memory(long address, int bytes) {
        return new Pointer(address).getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
    }

    @Override
    public int futex_wait(long address, int expected, long timeoutNanos) {
        long timeout = timeoutNanos == FOREVER ? 0 : Scratch.mine().timespec(0, timeoutNanos);
        return (int) orErrno(systemCall(SystemCall.FUTEX, address, FUTEX_WAIT_PRIVATE, expected, timeout));
    }

    @Override
    public int futex_wait_until(long address, int expected, long deadlineNanos) {
        long deadline = Scratch.mine().timespec(0, deadlineNanos);
        return (int) orErrno(LibC.syscall(
                SystemCall.FUTEX.number(),
                address,
                FUTEX_WAIT_BITSET_PRIVATE,
                expected,
                deadline,
                0,
                FUTEX_BITSET_MATCH_ANY));
    }

    @Override
    public int futex_wake(long address, int count) {
        return (int) orErrno(systemCall(SystemCall.FUTEX, address, FUTEX_WAKE_PRIVATE, count, 0));
    }

    @Override
    public long clock_gettime(int clock) {
        return clock == CLOCK_MONOTONIC ? System.nanoTime() : -Errno.EINVAL.number();
    }

    @Override
    public long timer_create(int clock, int signal, int tid, long value) {
        if (!hasTimers) {
            return -Errno.ENOSYS.number();
        }
        Scratch scratch = Scratch.mine();
        for (int i = 0; i < SIGEVENT_BYTES; i += Long.BYTES) {
            scratch.bytes().putLong(i, 0);
        }
        scratch.bytes()
                .putLong(0, value)
                .putInt(8, signal)
                .putInt(12, SIGEV_THREAD_ID)
                .putInt(16, tid);
        long result = orErrno(LibC.Timers.timer_create(clock, scratch.address(), scratch.address() + SIGEVENT_BYTES));
        return result < 0 ? result : scratch.bytes().getLong(SIGEVENT_BYTES);
    }

    @Override
    public int timer_settime(long timer, long firstNanos, long intervalNanos) {
        if (!hasTimers) {
            return -Errno.ENOSYS.number();
        }
        Scratch scratch = Scratch.mine();
        long times = scratch.timespec(0, intervalNanos);
        long first = scratch.timespec(TIMESPEC_BYTES, firstNanos);
        assert first == times + TIMESPEC_BYTES;
        return orErrno(LibC.Timers.timer_settime(timer, 0, times, 0));
    }

    @Override
    public int timer_delete(long timer) {
        return hasTimers ? orErrno(LibC.Timers.timer_delete(timer)) : -Errno.ENOSYS.number();
    }

    @Override
    public int fcntl(int fd, int command, long argument) {
        return orErrno(LibC.fcntl(fd, command, argument));
    }

    @Override
    public int close(int fd) {
        return (int) orErrno(systemCall(SystemCall.CLOSE, fd, 0, 0, 0));
    }

    @Override
    public int memfd_create(String name, int flags) {
        return (int) orErrno(systemCall(SystemCall.MEMFD_CREATE, string(name), flags, 0, 0));
    }

    @Override
    public int membarrier(int command) {
        return (int) orErrno(systemCall(SystemCall.MEMBARRIER, command, 0, 0, 0));
    }

    @Override
    public long dlopen(@Nullable String path) {
        long library = LibC.dlopen(path == null ? 0 : string(path), RTLD_NOW);
        if (library == 0) {
            long text = LibC.dlerror();
            throw new UnsupportedOperationException(text == 0 ? "dlopen of " + path + " failed" : Scratch.text(text));
        }
        return library;
    }

    @Override
    public long dlsym(long library, String name) {
        return LibC.dlsym(library, string(name));
    }

    private static long string(String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        Scratch scratch = Scratch.mine(encoded.length + 1);
        scratch.bytes().put(0, encoded).put(encoded.length, (byte) 0);
        return scratch.address();
    }

    @Override
    public long call(long function, long a, long b, long c, long d, long e, long f) {
        if (function == 0) {
            throw new IllegalArgumentException("a call of address 0: the symbol was not found");
        }
        return Function.getFunction(new Pointer(function)).invokeLong(new Object[] {a, b, c, d, e, f});
    }

    private static long systemCall(SystemCall call, long a, long b, long c, long d) {
        return LibC.syscall(call.number(), a, b, c, d, 0, 0);
    }
}
