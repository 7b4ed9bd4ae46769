// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.ffm.generated.Linux;
import org.percpu.bindings.ffm.generated.itimerspec;
import org.percpu.bindings.ffm.generated.rlimit;
import org.percpu.bindings.ffm.generated.sched_param;
import org.percpu.bindings.ffm.generated.sigevent;
import org.percpu.bindings.ffm.generated.sigval;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/** Marshals between Java arrays and the calling thread's {@link Scratch}. */
final class FfmLinuxCalls implements LinuxCalls {
    // Offsets in siginfo_t, asserted by native/audit. jextract writes three thousand lines for that union.
    private static final long SI_CODE = 8;
    private static final long SI_VALUE = 24;

    /** Offset of sigev_notify_thread_id in struct sigevent, asserted by native/audit. */
    private static final long SIGEV_TID = 16;

    /** Of the longest text of strerror(3), with room to spare. */
    private static final long TEXT_BYTES = 256;

    @Override
    public String backend() {
        return "ffm";
    }

    @Override
    public int getpid() {
        return Linux.getpid();
    }

    @Override
    public int gettid() {
        return ErrnoCalls.gettid();
    }

    @Override
    public int geteuid() {
        return Linux.geteuid();
    }

    @Override
    public long pthread_self() {
        return ErrnoCalls.pthread_self();
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
        MemorySegment memory = scratch.memory(bytes(mask));
        int result = ErrnoCalls.sched_getaffinity(scratch, tid, bytes(mask), memory);
        if (result >= 0) {
            MemorySegment.copy(memory, ValueLayout.JAVA_LONG, 0, mask, 0, mask.length);
        }
        return result;
    }

    private static long bytes(long[] mask) {
        return (long) mask.length * Long.BYTES;
    }

    @Override
    public int sched_getscheduler(int tid) {
        return ErrnoCalls.sched_getscheduler(Scratch.mine(), tid);
    }

    @Override
    public int sched_getparam(int tid) {
        Scratch scratch = Scratch.mine();
        int result = ErrnoCalls.sched_getparam(scratch, tid, scratch.memory());
        return result < 0 ? result : sched_param.sched_priority(scratch.memory());
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
        MemorySegment param = Scratch.mine().memory();
        sched_param.sched_priority(param, priority);
        return -Linux.pthread_setschedparam(thread, policy, param);
    }

    @Override
    public int pthread_getschedparam(long thread, int[] policyAndPriority) {
        Scratch scratch = Scratch.mine();
        int error = Linux.pthread_getschedparam(thread, scratch.old, scratch.memory());
        if (error == 0) {
            policyAndPriority[0] = scratch.old.get(Linux.C_INT, 0);
            policyAndPriority[1] = sched_param.sched_priority(scratch.memory());
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
        return -Linux.pthread_setname_np(thread, Scratch.mine().string(name));
    }

    @Override
    public int pthread_getname_np(long thread, byte[] name) {
        MemorySegment memory = Scratch.mine().memory(name.length);
        int error = Linux.pthread_getname_np(thread, memory, name.length);
        if (error == 0) {
            MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, 0, name, 0, name.length);
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
        int error = Linux.pthread_sigmask(
                how,
                set == null ? MemorySegment.NULL : scratch.sigset(set[0]),
                old == null ? MemorySegment.NULL : scratch.old);
        if (error == 0 && old != null) {
            old[0] = scratch.old.get(ValueLayout.JAVA_LONG, 0);
        }
        return -error;
    }

    @Override
    public int sigpending(long[] set) {
        Scratch scratch = Scratch.mine();
        int result = ErrnoCalls.sigpending(scratch, scratch.old);
        if (result >= 0) {
            set[0] = scratch.old.get(ValueLayout.JAVA_LONG, 0);
        }
        return result;
    }

    @Override
    public int pthread_kill(long thread, int signal) {
        return -Linux.pthread_kill(thread, signal);
    }

    @Override
    public int pthread_sigqueue(long thread, int signal, long value) {
        return -Linux.pthread_sigqueue(thread, signal, sigval(Scratch.mine(), value));
    }

    @Override
    public int sigqueue(int pid, int signal, long value) {
        Scratch scratch = Scratch.mine();
        return ErrnoCalls.sigqueue(scratch, pid, signal, sigval(scratch, value));
    }

    private static MemorySegment sigval(Scratch scratch, long value) {
        sigval.sival_ptr(scratch.value, MemorySegment.ofAddress(value));
        return scratch.value;
    }

    @Override
    public int sigtimedwait(long set, long @Nullable [] valueAndCode, long timeoutNanos) {
        Scratch scratch = Scratch.mine();
        MemorySegment info = scratch.old;
        int result = ErrnoCalls.sigtimedwait(
                scratch,
                scratch.sigset(set),
                info,
                timeoutNanos == FOREVER ? MemorySegment.NULL : scratch.time(timeoutNanos));
        if (result >= 0 && valueAndCode != null) {
            valueAndCode[0] = info.get(ValueLayout.JAVA_LONG, SI_VALUE);
            valueAndCode[1] = info.get(ValueLayout.JAVA_INT, SI_CODE);
        }
        return result;
    }

    @Override
    public int getrlimit(int resource, long[] softAndHard) {
        Scratch scratch = Scratch.mine();
        int result = ErrnoCalls.getrlimit(scratch, resource, scratch.memory());
        if (result >= 0) {
            softAndHard[0] = rlimit.rlim_cur(scratch.memory());
            softAndHard[1] = rlimit.rlim_max(scratch.memory());
        }
        return result;
    }

    @Override
    public int setrlimit(int resource, long soft, long hard) {
        Scratch scratch = Scratch.mine();
        MemorySegment limit = scratch.memory();
        rlimit.rlim_cur(limit, soft);
        rlimit.rlim_max(limit, hard);
        return ErrnoCalls.setrlimit(scratch, resource, limit);
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
        return Linux.strerror_r(errno, Scratch.mine().memory(), TEXT_BYTES).getString(0);
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
    public int futex_wait(long address, int expected, long timeoutNanos) {
        Scratch scratch = Scratch.mine();
        long timeout = timeoutNanos == FOREVER ? 0 : scratch.time(timeoutNanos).address();
        return ErrnoCalls.syscall(scratch, SystemCall.FUTEX, address, Linux.FUTEX_WAIT_PRIVATE(), expected, timeout);
    }

    @Override
    public int futex_wake(long address, int count) {
        return ErrnoCalls.syscall(Scratch.mine(), SystemCall.FUTEX, address, Linux.FUTEX_WAKE_PRIVATE(), count, 0);
    }

    @Override
    public long timer_create(int clock, int signal, int tid, long value) {
        Scratch scratch = Scratch.mine();
        MemorySegment event = scratch.memory();
        event.fill((byte) 0);
        event.set(ValueLayout.JAVA_LONG, 0, value);
        sigevent.sigev_signo(event, signal);
        sigevent.sigev_notify(event, Linux.SIGEV_THREAD_ID());
        event.set(ValueLayout.JAVA_INT, SIGEV_TID, tid);
        int result = ErrnoCalls.timer_create(scratch, clock, event, scratch.value);
        return result < 0 ? result : scratch.value.get(ValueLayout.JAVA_LONG, 0);
    }

    @Override
    public int timer_settime(long timer, long firstNanos, long intervalNanos) {
        Scratch scratch = Scratch.mine();
        MemorySegment times = scratch.memory();
        Scratch.time(itimerspec.it_value(times), firstNanos);
        Scratch.time(itimerspec.it_interval(times), intervalNanos);
        return ErrnoCalls.timer_settime(scratch, timer, times);
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
    public long dlopen(@Nullable String path) {
        MemorySegment name = path == null ? MemorySegment.NULL : Scratch.mine().string(path);
        return DynamicLinking.open(name, path);
    }

    @Override
    public long dlsym(long library, String name) {
        return DynamicLinking.symbol(library, Scratch.mine().string(name));
    }

    @Override
    public long call(long function, long a, long b, long c, long d, long e, long f) {
        return DynamicLinking.call(function, a, b, c, d, e, f);
    }
}
