// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.ffm.generated.Linux;
import org.percpu.bindings.ffm.generated.itimerspec;
import org.percpu.bindings.ffm.generated.rlimit;
import org.percpu.bindings.ffm.generated.sigevent;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/** Marshals between Java arrays and the calling thread's {@link Scratch}. */
final class FfmLinuxCalls implements LinuxCalls {
    // Offsets in siginfo_t, asserted by native/audit. jextract writes three thousand lines for that union.
    private static final int SI_CODE = 8;
    private static final int SI_VALUE = 24;

    /** Offset of sigev_notify_thread_id in struct sigevent, asserted by native/audit. */
    private static final long SIGEV_TID = 16;

    /** Of the longest text of strerror(3), with room to spare. */
    private static final long TEXT_BYTES = 256;

    private static final long CACHE_LINE = 64;

    @Override
    public String backend() {
        return "ffm";
    }

    @Override
    public int getpid() {
        return ErrnoCalls.getpid(Scratch.mine());
    }

    @Override
    public int gettid() {
        return ErrnoCalls.syscall(Scratch.mine(), SystemCall.GETTID, 0, 0, 0, 0);
    }

    @Override
    public int geteuid() {
        return Linux.geteuid();
    }

    @Override
    public long pthread_self() {
        return ErrnoCalls.pthread_self(Scratch.mine());
    }

    @Override
    public int sched_getcpu() {
        int cpu = ErrnoCalls.sched_getcpu();
        return cpu >= 0 ? cpu : -Errno.ENOSYS.number(); // its only error
    }

    @Override
    public int sched_setaffinity(int tid, long[] mask) {
        Scratch scratch = Scratch.mine();
        return ErrnoCalls.sched_setaffinity(scratch, tid, bytes(mask), scratch.words(mask));
    }

    @Override
    public int sched_getaffinity(int tid, long[] mask) {
        Scratch scratch = Scratch.mine();
        ByteBuffer memory = scratch.memory(bytes(mask));
        int result = ErrnoCalls.sched_getaffinity(scratch, tid, bytes(mask), scratch.address());
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
        return ErrnoCalls.sched_getscheduler(Scratch.mine(), tid);
    }

    @Override
    public int sched_getparam(int tid) {
        Scratch scratch = Scratch.mine();
        int result = ErrnoCalls.sched_getparam(scratch, tid, scratch.address());
        return result < 0 ? result : scratch.memory().getInt(0);
    }

    @Override
    public int sched_get_priority_min(int policy) {
        return ErrnoCalls.sched_get_priority_min(Scratch.mine(), policy);
    }

    @Override
    public int sched_get_priority_max(int policy) {
        return ErrnoCalls.sched_get_priority_max(Scratch.mine(), policy);
    }

    @Override
    public int pthread_setschedparam(long thread, int policy, int priority) {
        Scratch scratch = Scratch.mine();
        scratch.memory().putInt(0, priority);
        return -ErrnoCalls.pthread_setschedparam(thread, policy, scratch.address());
    }

    @Override
    public int pthread_getschedparam(long thread, int[] policyAndPriority) {
        Scratch scratch = Scratch.mine();
        int error = ErrnoCalls.pthread_getschedparam(thread, scratch.old(), scratch.address());
        if (error == 0) {
            policyAndPriority[0] = scratch.oldInt(0);
            policyAndPriority[1] = scratch.memory().getInt(0);
        }
        return -error;
    }

    @Override
    public int getpriority(int which, int who) {
        return ErrnoCalls.syscall(Scratch.mine(), SystemCall.GETPRIORITY, which, who, 0, 0);
    }

    @Override
    public int setpriority(int which, int who, int nice) {
        return ErrnoCalls.setpriority(Scratch.mine(), which, who, nice);
    }

    @Override
    public int sched_yield() {
        return Linux.sched_yield();
    }

    @Override
    public int pthread_setname_np(long thread, String name) {
        Scratch scratch = Scratch.mine();
        return -ErrnoCalls.pthread_setname_np(scratch, thread, scratch.string(name));
    }

    @Override
    public int pthread_getname_np(long thread, byte[] name) {
        Scratch scratch = Scratch.mine();
        ByteBuffer memory = scratch.memory(name.length);
        int error = Linux.pthread_getname_np(thread, scratch.segment(), name.length);
        if (error == 0) {
            memory.get(0, name);
        }
        return -error;
    }

    @Override
    public int __libc_current_sigrtmin() {
        return Linux.__libc_current_sigrtmin();
    }

    @Override
    public int __libc_current_sigrtmax() {
        return Linux.__libc_current_sigrtmax();
    }

    @Override
    public int pthread_sigmask(int how, long @Nullable [] set, long @Nullable [] old) {
        Scratch scratch = Scratch.mine();
        int error = ErrnoCalls.pthread_sigmask(
                how, set == null ? 0 : scratch.sigset(set[0]), old == null ? 0 : scratch.old());
        if (error == 0 && old != null) {
            old[0] = scratch.oldLong(0);
        }
        return -error;
    }

    @Override
    public int sigpending(long[] set) {
        Scratch scratch = Scratch.mine();
        int result = ErrnoCalls.sigpending(scratch, scratch.old());
        if (result >= 0) {
            set[0] = scratch.oldLong(0);
        }
        return result;
    }

    @Override
    public int pthread_kill(long thread, int signal) {
        return -Linux.pthread_kill(thread, signal);
    }

    @Override
    public int pthread_sigqueue(long thread, int signal, long value) {
        return -ErrnoCalls.pthread_sigqueue(thread, signal, value);
    }

    @Override
    public int sigqueue(int pid, int signal, long value) {
        return ErrnoCalls.sigqueue(Scratch.mine(), pid, signal, value);
    }

    @Override
    public int sigtimedwait(long set, long @Nullable [] valueAndCode, long timeoutNanos) {
        Scratch scratch = Scratch.mine();
        long timeout = timeoutNanos == FOREVER ? 0 : scratch.time(timeoutNanos);
        int result = ErrnoCalls.sigtimedwait(scratch, scratch.sigset(set), scratch.old(), timeout);
        if (result >= 0 && valueAndCode != null) {
            valueAndCode[0] = scratch.oldLong(SI_VALUE);
            valueAndCode[1] = scratch.oldInt(SI_CODE);
        }
        return result;
    }

    @Override
    public int getrlimit(int resource, long[] softAndHard) {
        Scratch scratch = Scratch.mine();
        int result = ErrnoCalls.getrlimit(scratch, resource, scratch.address());
        if (result >= 0) {
            MemorySegment limit = scratch.segment();
            softAndHard[0] = rlimit.rlim_cur(limit);
            softAndHard[1] = rlimit.rlim_max(limit);
        }
        return result;
    }

    @Override
    public int setrlimit(int resource, long soft, long hard) {
        Scratch scratch = Scratch.mine();
        MemorySegment limit = scratch.segment();
        rlimit.rlim_cur(limit, soft);
        rlimit.rlim_max(limit, hard);
        return ErrnoCalls.setrlimit(scratch, resource, scratch.address());
    }

    @Override
    public int prctl(int option, long argument) {
        return ErrnoCalls.prctl(Scratch.mine(), option, argument);
    }

    @Override
    public long sysconf(int name) {
        long value = Linux.sysconf(name);
        return value >= 0 ? value : -Errno.EINVAL.number(); // its only error; without a limit it leaves errno alone
    }

    @Override
    public String strerror(int errno) {
        return Linux.strerror_r(errno, Scratch.mine().segment(), TEXT_BYTES).getString(0);
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
        return Arena.global().allocate(bytes, CACHE_LINE).asByteBuffer().order(ByteOrder.nativeOrder());
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
        return ErrnoCalls.syscall(scratch, SystemCall.FUTEX, address, SystemCall.FUTEX_WAIT_PRIVATE, expected, timeout);
    }

    @Override
    public int futex_wake(long address, int count) {
        int woken = ErrnoCalls.wake(address, count);
        // A call that cannot be done fails the second time as well, and then reports why.
        return woken >= 0
                ? woken
                : ErrnoCalls.syscall(
                        Scratch.mine(), SystemCall.FUTEX, address, SystemCall.FUTEX_WAKE_PRIVATE, count, 0);
    }

    @Override
    public long timer_create(int clock, int signal, int tid, long value) {
        Scratch scratch = Scratch.mine();
        MemorySegment event = scratch.segment();
        event.fill((byte) 0);
        event.set(ValueLayout.JAVA_LONG, 0, value);
        sigevent.sigev_signo(event, signal);
        sigevent.sigev_notify(event, Linux.SIGEV_THREAD_ID());
        event.set(ValueLayout.JAVA_INT, SIGEV_TID, tid);
        int result = ErrnoCalls.timer_create(scratch, clock, scratch.address(), scratch.value());
        return result < 0 ? result : scratch.valueLong();
    }

    @Override
    public int timer_settime(long timer, long firstNanos, long intervalNanos) {
        Scratch scratch = Scratch.mine();
        Scratch.time(scratch.memory(), (int) itimerspec.it_value$offset(), firstNanos);
        Scratch.time(scratch.memory(), (int) itimerspec.it_interval$offset(), intervalNanos);
        return ErrnoCalls.timer_settime(scratch, timer, scratch.address());
    }

    @Override
    public int timer_delete(long timer) {
        return ErrnoCalls.timer_delete(Scratch.mine(), timer);
    }

    @Override
    public int fcntl(int fd, int command, long argument) {
        return ErrnoCalls.fcntl(Scratch.mine(), fd, command, argument);
    }

    @Override
    public int close(int fd) {
        return ErrnoCalls.syscall(Scratch.mine(), SystemCall.CLOSE, fd, 0, 0, 0);
    }

    @Override
    public int memfd_create(String name, int flags) {
        Scratch scratch = Scratch.mine();
        long text = scratch.string(name);
        return ErrnoCalls.syscall(scratch, SystemCall.MEMFD_CREATE, text, flags, 0, 0);
    }

    @Override
    public int membarrier(int command) {
        return ErrnoCalls.syscall(Scratch.mine(), SystemCall.MEMBARRIER, command, 0, 0, 0);
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
