// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.StackRoom;

/** Marshals between Java arrays and the calling thread's {@link Scratch}. */
final class FfmLinuxCalls implements LinuxCalls {
    // Sizes, offsets and constants are asserted by native/audit.
    private static final int SI_CODE = 8;
    private static final int SI_VALUE = 24;

    private static final int SIGEVENT_BYTES = 64;
    private static final int SIGEV_SIGNO = 8;
    private static final int SIGEV_NOTIFY = 12;
    private static final int SIGEV_TID = 16;
    private static final int SIGEV_THREAD_ID = 4;
    private static final int IT_INTERVAL = 0;
    private static final int IT_VALUE = 16;

    private static final long CACHE_LINE = 64;

    /**
     * Whether what {@link Everything} needs of the JDK is initialised; read without order, since twice does no harm.
     */
    private boolean wordsAreLinked;

    @Override
    public String backend() {
        return "ffm";
    }

    @Override
    public int getpid() {
        return LibC.getpid(Scratch.mine());
    }

    @Override
    public int gettid() {
        return LibC.syscall(Scratch.mine(), SystemCall.GETTID, 0, 0, 0, 0);
    }

    @Override
    public int geteuid() {
        return LibC.geteuid(Scratch.mine());
    }

    @Override
    public long pthread_self() {
        return LibC.pthread_self(Scratch.mine());
    }

    @Override
    public int sched_getcpu() {
        int cpu = LibC.sched_getcpu();
        return cpu >= 0 ? cpu : -Errno.ENOSYS.number(); // its only error
    }

    @Override
    public int sched_setaffinity(int tid, long[] mask) {
        Scratch scratch = Scratch.mine();
        return LibC.sched_setaffinity(scratch, tid, bytes(mask), scratch.words(mask));
    }

    @Override
    public int sched_getaffinity(int tid, long[] mask) {
        Scratch scratch = Scratch.mine();
        ByteBuffer memory = scratch.memory(bytes(mask));
        int result = LibC.sched_getaffinity(scratch, tid, bytes(mask), scratch.address());
        if (result >= 0) {
            for (int i = 0; i < mask.length; i++) {
                mask[i] = memory.getLong(i * Long.BYTES);
            }
        }
        return result;
    }

    private static int bytes(long[] mask) {
        return mask.length * Long.BYTES;
    }

    @Override
    public int sched_getscheduler(int tid) {
        return LibC.sched_getscheduler(Scratch.mine(), tid);
    }

    @Override
    public int sched_getparam(int tid) {
        Scratch scratch = Scratch.mine();
        int result = LibC.sched_getparam(scratch, tid, scratch.address());
        return result < 0 ? result : scratch.memory().getInt(0);
    }

    @Override
    public int sched_get_priority_min(int policy) {
        return LibC.sched_get_priority_min(Scratch.mine(), policy);
    }

    @Override
    public int sched_get_priority_max(int policy) {
        return LibC.sched_get_priority_max(Scratch.mine(), policy);
    }

    @Override
    public int pthread_setschedparam(long thread, int policy, int priority) {
        Scratch scratch = Scratch.mine();
        scratch.memory().putInt(0, priority);
        return -LibC.pthread_setschedparam(thread, policy, scratch.address());
    }

    @Override
    public int pthread_getschedparam(long thread, int[] policyAndPriority) {
        Scratch scratch = Scratch.mine();
        int error = LibC.pthread_getschedparam(thread, scratch.old(), scratch.address());
        if (error == 0) {
            policyAndPriority[0] = scratch.oldInt(0);
            policyAndPriority[1] = scratch.memory().getInt(0);
        }
        return -error;
    }

    @Override
    public int getpriority(int which, int who) {
        return LibC.syscall(Scratch.mine(), SystemCall.GETPRIORITY, which, who, 0, 0);
    }

    @Override
    public int setpriority(int which, int who, int nice) {
        return LibC.setpriority(Scratch.mine(), which, who, nice);
    }

    @Override
    public int sched_yield() {
        return LibC.sched_yield(Scratch.mine());
    }

    @Override
    public int pthread_setname_np(long thread, String name) {
        Scratch scratch = Scratch.mine();
        return -LibC.pthread_setname_np(scratch, thread, scratch.string(name));
    }

    @Override
    public int pthread_getname_np(long thread, byte[] name) {
        Scratch scratch = Scratch.mine();
        ByteBuffer memory = scratch.memory(name.length);
        int error = LibC.pthread_getname_np(thread, scratch.address(), name.length);
        if (error == 0) {
            memory.get(0, name);
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
        int error =
                LibC.pthread_sigmask(how, set == null ? 0 : scratch.sigset(set[0]), old == null ? 0 : scratch.old());
        if (error == 0 && old != null) {
            old[0] = scratch.oldLong(0);
        }
        return -error;
    }

    @Override
    public int sigpending(long[] set) {
        Scratch scratch = Scratch.mine();
        int result = LibC.sigpending(scratch, scratch.old());
        if (result >= 0) {
            set[0] = scratch.oldLong(0);
        }
        return result;
    }

    @Override
    public int pthread_kill(long thread, int signal) {
        return -LibC.pthread_kill(thread, signal);
    }

    @Override
    public int pthread_sigqueue(long thread, int signal, long value) {
        return -LibC.pthread_sigqueue(thread, signal, value);
    }

    @Override
    public int sigqueue(int pid, int signal, long value) {
        return LibC.sigqueue(Scratch.mine(), pid, signal, value);
    }

    @Override
    public int sigtimedwait(long set, long @Nullable [] valueAndCode, long timeoutNanos) {
        Scratch scratch = Scratch.mine();
        long timeout = timeoutNanos == FOREVER ? 0 : scratch.time(timeoutNanos);
        int result = LibC.sigtimedwait(scratch, scratch.sigset(set), scratch.old(), timeout);
        if (result >= 0 && valueAndCode != null) {
            valueAndCode[0] = scratch.oldLong(SI_VALUE);
            valueAndCode[1] = scratch.oldInt(SI_CODE);
        }
        return result;
    }

    @Override
    public int getrlimit(int resource, long[] softAndHard) {
        Scratch scratch = Scratch.mine();
        int result = LibC.getrlimit(scratch, resource, scratch.address());
        if (result >= 0) {
            softAndHard[0] = scratch.memory().getLong(0);
            softAndHard[1] = scratch.memory().getLong(Long.BYTES);
        }
        return result;
    }

    @Override
    public int setrlimit(int resource, long soft, long hard) {
        Scratch scratch = Scratch.mine();
        scratch.memory().putLong(0, soft).putLong(Long.BYTES, hard);
        return LibC.setrlimit(scratch, resource, scratch.address());
    }

    @Override
    public int prctl(int option, long argument) {
        return LibC.prctl(Scratch.mine(), option, argument);
    }

    @Override
    public long sysconf(int name) {
        long value = LibC.sysconf(name);
        return value >= 0 ? value : -Errno.EINVAL.number(); // its only error; without a limit it leaves errno alone
    }

    @Override
    public String strerror(int errno) {
        Scratch scratch = Scratch.mine();
        long text = LibC.strerror_r(errno, scratch.address(), Scratch.LONGEST_TEXT);
        if (text != scratch.address()) {
            scratch.copy(text);
        }
        return scratch.text();
    }

    @Override
    public long address(ByteBuffer direct) {
        if (!direct.isDirect()) {
            throw new IllegalArgumentException(
                    "a heap buffer has no address to give away: " + direct + "; use ByteBuffer.allocateDirect");
        }
        return MemorySegment.ofBuffer(direct).address() - direct.position();
    }

    @Override
    public ByteBuffer allocate(int bytes) {
        if (!wordsAreLinked) {
            StackRoom.require();
        }
        MemorySegment memory = Arena.global().allocate(bytes, CACHE_LINE);
        if (!wordsAreLinked && bytes >= Integer.BYTES) {
            // For getInt and putInt, which take memory from here only.
            Everything.putInt(memory.address(), Everything.getInt(memory.address()));
            wordsAreLinked = true;
        }
        return memory.asByteBuffer().order(ByteOrder.nativeOrder());
    }

    @Override
    public int getInt(IntBuffer words, long address, int index) {
        assert index >= 0 && index < words.limit() : index;
        return Everything.getInt(address + (long) index * Integer.BYTES);
    }

    @Override
    public void putInt(IntBuffer words, long address, int index, int value) {
        assert index >= 0 && index < words.limit() : index;
        Everything.putInt(address + (long) index * Integer.BYTES, value);
    }

    @Override
    public ByteBuffer memory(long address, int bytes) {
        return MemorySegment.ofAddress(address)
                .reinterpret(bytes)
                .asByteBuffer()
                .order(ByteOrder.nativeOrder());
    }

    @Override
    public int futex_wait(long address, int expected, long timeoutNanos) {
        Scratch scratch = Scratch.mine();
        long timeout = timeoutNanos == FOREVER ? 0 : scratch.time(timeoutNanos);
        return LibC.syscall(scratch, SystemCall.FUTEX, address, SystemCall.FUTEX_WAIT_PRIVATE, expected, timeout);
    }

    @Override
    public int futex_wait_until(long address, int expected, long deadlineNanos) {
        Scratch scratch = Scratch.mine();
        return LibC.waitUntil(scratch, address, expected, scratch.time(deadlineNanos));
    }

    @Override
    public int futex_wake(long address, int count) {
        int woken = LibC.wake(address, count);
        // A call that cannot be done fails the second time as well, and then reports why.
        return woken >= 0
                ? woken
                : LibC.syscall(Scratch.mine(), SystemCall.FUTEX, address, SystemCall.FUTEX_WAKE_PRIVATE, count, 0);
    }

    @Override
    public long clock_gettime(int clock) {
        return clock == CLOCK_MONOTONIC ? System.nanoTime() : -Errno.EINVAL.number();
    }

    @Override
    public long timer_create(int clock, int signal, int tid, long value) {
        Scratch scratch = Scratch.mine();
        ByteBuffer event = scratch.memory();
        for (int i = 0; i < SIGEVENT_BYTES; i += Long.BYTES) {
            event.putLong(i, 0);
        }
        event.putLong(0, value)
                .putInt(SIGEV_SIGNO, signal)
                .putInt(SIGEV_NOTIFY, SIGEV_THREAD_ID)
                .putInt(SIGEV_TID, tid);
        int result = LibC.timer_create(scratch, clock, scratch.address(), scratch.value());
        return result < 0 ? result : scratch.valueLong();
    }

    @Override
    public int timer_settime(long timer, long firstNanos, long intervalNanos) {
        Scratch scratch = Scratch.mine();
        Scratch.time(scratch.memory(), IT_VALUE, firstNanos);
        Scratch.time(scratch.memory(), IT_INTERVAL, intervalNanos);
        return LibC.timer_settime(scratch, timer, scratch.address());
    }

    @Override
    public int timer_delete(long timer) {
        return LibC.timer_delete(Scratch.mine(), timer);
    }

    @Override
    public int fcntl(int fd, int command, long argument) {
        return LibC.fcntl(Scratch.mine(), fd, command, argument);
    }

    @Override
    public int close(int fd) {
        return LibC.syscall(Scratch.mine(), SystemCall.CLOSE, fd, 0, 0, 0);
    }

    @Override
    public int memfd_create(String name, int flags) {
        Scratch scratch = Scratch.mine();
        long text = scratch.string(name);
        return LibC.syscall(scratch, SystemCall.MEMFD_CREATE, text, flags, 0, 0);
    }

    @Override
    public int membarrier(int command) {
        return LibC.syscall(Scratch.mine(), SystemCall.MEMBARRIER, command, 0, 0, 0);
    }

    @Override
    public long dlopen(@Nullable String path) {
        return DynamicLinking.open(path);
    }

    @Override
    public long dlsym(long library, String name) {
        return DynamicLinking.symbol(library, name);
    }

    @Override
    public long call(long function, long a, long b, long c, long d, long e, long f) {
        return DynamicLinking.call(function, a, b, c, d, e, f);
    }
}
