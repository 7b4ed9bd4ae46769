// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import static org.percpu.bindings.spi.Errno.EBADF;
import static org.percpu.bindings.spi.Errno.EINVAL;
import static org.percpu.bindings.spi.Errno.EPERM;
import static org.percpu.bindings.spi.Errno.ERANGE;
import static org.percpu.bindings.spi.Errno.ESRCH;

import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.Tasks;

/** The C functions of a {@link SimMachine}. A {@code pthread_t} is the thread's number. */
@SuppressWarnings("SynchronizeOnNonFinalField") // the field changes only while no other thread is inside a call
final class SimLinuxCalls implements LinuxCalls {
    private static final int NAME_BYTES = 16;
    private static final int MIN_NICE = -20;
    private static final int MAX_NICE = 19;
    private static final int NICE_ZERO = 20;
    private static final int SIGRTMIN = 34;
    private static final int UNPRIVILEGED = 1000;
    private static final long LIBC = 1;
    private static final long SIGNAL_FUNCTION = 2;
    private static final long ABS_FUNCTION = 3;

    private final Memory memory = new Memory();

    // Plain: they change only while no other thread is inside a call.
    private SimMachine machine;
    private Tasks tasks;

    @SuppressWarnings("NullAway.Init") // the machine that makes this object calls runOn
    SimLinuxCalls() {}

    /** From now on these are the functions of another machine. */
    void runOn(SimMachine next) {
        machine = next;
        tasks = new SimTasks(next);
    }

    Memory addresses() {
        return memory;
    }

    @Override
    public String backend() {
        return SimProvider.NAME;
    }

    @Override
    public Path root() {
        return machine.root();
    }

    @Override
    public Tasks tasks() {
        return tasks;
    }

    @Override
    public void start(Thread thread) {
        Argument.requireNonNull(thread, "start", "thread");
        machine.step();
        if (!machine.hasRoom() || machine.faults().refusesThread()) {
            throw new OutOfMemoryError("unable to create native thread: refused by the simulated machine");
        }
        thread.start();
    }

    @Override
    public int getpid() {
        return SimMachine.PID;
    }

    @Override
    public int gettid() {
        return machine.self().tid;
    }

    @Override
    public int geteuid() {
        return machine.rtprio() == Settings.MAX_PRIORITY ? 0 : UNPRIVILEGED;
    }

    @Override
    public long pthread_self() {
        return machine.self().tid;
    }

    @Override
    public int sched_getcpu() {
        return machine.self().cpu();
    }

    @Override
    public int sched_setaffinity(int tid, long[] mask) {
        machine.step();
        SimThread thread = machine.thread(tid);
        if (thread == null) {
            return -ESRCH.number();
        }
        if (machine.faults().strikes(Faults.Kind.PRETEND)) {
            return 0;
        }
        return machine.setAffinity(thread, Cpus.ofMask(mask)) ? 0 : -EINVAL.number();
    }

    @Override
    public int sched_getaffinity(int tid, long[] mask) {
        machine.step();
        SimThread thread = machine.thread(tid);
        if (thread == null) {
            return -ESRCH.number();
        }
        if (mask.length * Long.SIZE < machine.widest()) {
            return -EINVAL.number();
        }
        BitSet cpus = machine.affinity(thread);
        Arrays.fill(mask, 0);
        long[] words = cpus.toLongArray();
        System.arraycopy(words, 0, mask, 0, words.length);
        return 0;
    }

    @Override
    public int sched_getscheduler(int tid) {
        SimThread thread = machine.thread(tid);
        if (thread == null) {
            return -ESRCH.number();
        }
        synchronized (machine) {
            return thread.policy | (thread.resetOnFork ? SCHED_RESET_ON_FORK : 0);
        }
    }

    @Override
    public int sched_getparam(int tid) {
        SimThread thread = machine.thread(tid);
        if (thread == null) {
            return -ESRCH.number();
        }
        synchronized (machine) {
            return thread.priority;
        }
    }

    private static boolean isRealtime(int policy) {
        return policy == SCHED_FIFO || policy == SCHED_RR;
    }

    private static boolean isTimesharing(int policy) {
        return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
    }

    @Override
    public int sched_get_priority_min(int policy) {
        return isRealtime(policy) ? 1 : isTimesharing(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL.number();
    }

    @Override
    public int sched_get_priority_max(int policy) {
        return isRealtime(policy)
                ? Settings.MAX_PRIORITY
                : isTimesharing(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL.number();
    }

    @Override
    public int pthread_setschedparam(long thread, int policyAndFlag, int priority) {
        machine.step();
        SimThread target = machine.thread(thread);
        if (target == null) {
            return -ESRCH.number();
        }
        int policy = policyAndFlag & ~SCHED_RESET_ON_FORK;
        boolean valid = isRealtime(policy)
                ? priority >= 1 && priority <= Settings.MAX_PRIORITY
                : isTimesharing(policy) && priority == 0;
        if (!valid) {
            return -EINVAL.number();
        }
        synchronized (machine) {
            boolean more = isRealtime(policy) && (!isRealtime(target.policy) || priority > target.priority);
            if ((more && priority > machine.limits().soft(RLIMIT_RTPRIO))
                    || machine.faults().strikes(Faults.Kind.EPERM)) {
                return -EPERM.number();
            }
            target.policy = policy;
            target.priority = priority;
            target.resetOnFork = (policyAndFlag & SCHED_RESET_ON_FORK) != 0;
        }
        return 0;
    }

    @Override
    public int pthread_getschedparam(long thread, int[] policyAndPriority) {
        SimThread target = machine.thread(thread);
        if (target == null) {
            return -ESRCH.number();
        }
        synchronized (machine) {
            policyAndPriority[0] = target.policy;
            policyAndPriority[1] = target.priority;
        }
        return 0;
    }

    @Override
    public int getpriority(int which, int who) {
        SimThread thread = machine.thread(who);
        if (which != PRIO_PROCESS) {
            return -EINVAL.number();
        }
        if (thread == null) {
            return -ESRCH.number();
        }
        synchronized (machine) {
            return NICE_ZERO - thread.nice;
        }
    }

    @Override
    public int setpriority(int which, int who, int nice) {
        machine.step();
        SimThread thread = machine.thread(who);
        if (which != PRIO_PROCESS) {
            return -EINVAL.number();
        }
        if (thread == null) {
            return -ESRCH.number();
        }
        int wanted = Math.max(MIN_NICE, Math.min(MAX_NICE, nice));
        synchronized (machine) {
            boolean privileged = geteuid() == 0;
            if ((wanted < thread.nice
                            && !privileged
                            && NICE_ZERO - wanted > machine.limits().soft(RLIMIT_NICE))
                    || machine.faults().strikes(Faults.Kind.EPERM)) {
                return -Errno.EACCES.number();
            }
            thread.nice = wanted;
        }
        return 0;
    }

    @Override
    @SuppressWarnings("ThreadPriorityCheck") // it is what was asked for
    public int sched_yield() {
        Thread.yield();
        return 0;
    }

    @Override
    public int pthread_setname_np(long thread, String name) {
        SimThread target = machine.thread(thread);
        if (target == null) {
            return -ESRCH.number();
        }
        if (name.getBytes(StandardCharsets.UTF_8).length >= NAME_BYTES) {
            return -ERANGE.number();
        }
        synchronized (machine) {
            target.name = name;
        }
        return 0;
    }

    @Override
    public int pthread_getname_np(long thread, byte[] name) {
        SimThread target = machine.thread(thread);
        if (target == null) {
            return -ESRCH.number();
        }
        if (name.length < NAME_BYTES) {
            return -ERANGE.number();
        }
        byte[] bytes;
        synchronized (machine) {
            bytes = target.name.getBytes(StandardCharsets.UTF_8);
        }
        Arrays.fill(name, (byte) 0);
        System.arraycopy(bytes, 0, name, 0, bytes.length);
        return 0;
    }

    @Override
    public int __libc_current_sigrtmin() {
        return SIGRTMIN;
    }

    @Override
    public int __libc_current_sigrtmax() {
        return Signals.MAX;
    }

    @Override
    public int pthread_sigmask(int how, long @Nullable [] set, long @Nullable [] old) {
        return machine.signals().mask(machine.self(), how, set, old);
    }

    @Override
    public int sigpending(long[] set) {
        return machine.signals().pending(machine.self(), set);
    }

    @Override
    public int pthread_kill(long thread, int signal) {
        SimThread target = machine.thread(thread);
        return target == null ? -ESRCH.number() : machine.signals().kill(target, signal);
    }

    @Override
    public int pthread_sigqueue(long thread, int signal, long value) {
        SimThread target = machine.thread(thread);
        return target == null ? -ESRCH.number() : machine.signals().queue(target, signal, value);
    }

    @Override
    public int sigqueue(int pid, int signal, long value) {
        return pid == SimMachine.PID
                ? machine.signals().queueToProcess(machine.allThreads(), signal, value)
                : -ESRCH.number();
    }

    @Override
    public int sigtimedwait(long set, long @Nullable [] valueAndCode, long timeoutNanos) {
        return machine.signals().await(machine.self(), set, valueAndCode, timeoutNanos);
    }

    @Override
    public int getrlimit(int resource, long[] softAndHard) {
        return machine.limits().get(resource, softAndHard);
    }

    @Override
    public int setrlimit(int resource, long soft, long hard) {
        return machine.limits().set(resource, soft, hard, geteuid() == 0);
    }

    @Override
    public int prctl(int option, long argument) {
        SimThread self = machine.self();
        switch (option) {
            case PR_SET_TIMERSLACK -> {
                self.slack = argument > 0 ? argument : SimThread.DEFAULT_SLACK;
                return 0;
            }
            case PR_GET_TIMERSLACK -> {
                return (int) self.slack;
            }
            default -> {
                return -EINVAL.number();
            }
        }
    }

    @Override
    public long sysconf(int name) {
        return switch (name) {
            case SC_NPROCESSORS_CONF -> machine.configured();
            case SC_NPROCESSORS_ONLN -> machine.onlineCount();
            default -> -EINVAL.number();
        };
    }

    @Override
    public String strerror(int errno) {
        for (Errno known : Errno.values()) {
            if (known.number() == errno) {
                return known.text();
            }
        }
        return "Unknown error " + errno;
    }

    @Override
    public long address(ByteBuffer direct) {
        return memory.address(direct);
    }

    @Override
    public ByteBuffer allocate(int bytes) {
        return memory.allocate(bytes);
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
        return memory.view(address, bytes);
    }

    @Override
    public int close(int fd) {
        return -EBADF.number();
    }

    @Override
    public int memfd_create(String name, int flags) {
        return -Errno.ENOSYS.number();
    }

    @Override
    public int membarrier(int command) {
        return machine.membarrier(command);
    }

    @Override
    public int futex_wait(long address, int expected, long timeoutNanos) {
        machine.step();
        return machine.futexes()
                .await(machine.self(), address, expected, machine.clock().deadline(timeoutNanos), machine.faults());
    }

    @Override
    public int futex_wait_until(long address, int expected, long deadlineNanos) {
        machine.step();
        if (deadlineNanos < 0) {
            return -EINVAL.number();
        }
        return machine.futexes().await(machine.self(), address, expected, deadlineNanos, machine.faults());
    }

    @Override
    public int futex_wake(long address, int count) {
        return machine.futexes().wake(address, count);
    }

    @Override
    public long clock_gettime(int clock) {
        return clock == CLOCK_MONOTONIC ? machine.clock().now() : -EINVAL.number();
    }

    @Override
    public long timer_create(int clock, int signal, int tid, long value) {
        SimThread target = machine.thread(tid);
        return clock != CLOCK_MONOTONIC || target == null
                ? -EINVAL.number()
                : machine.signals().createTimer(target, signal, value);
    }

    @Override
    public int timer_settime(long timer, long firstNanos, long intervalNanos) {
        return machine.signals().setTimer(timer, firstNanos, intervalNanos);
    }

    @Override
    public int timer_delete(long timer) {
        return machine.signals().deleteTimer(timer);
    }

    @Override
    public int fcntl(int fd, int command, long argument) {
        return -EBADF.number();
    }

    @Override
    public long dlopen(@Nullable String path) {
        if (path != null) {
            throw new UnsupportedOperationException(path + ": a simulated machine loads no library");
        }
        return LIBC;
    }

    @Override
    public long dlsym(long library, String name) {
        return switch (name) {
            case "signal" -> SIGNAL_FUNCTION;
            case "abs" -> ABS_FUNCTION;
            default -> 0;
        };
    }

    @Override
    public long call(long function, long a, long b, long c, long d, long e, long f) {
        if (function == SIGNAL_FUNCTION) {
            machine.signals().handle((int) a);
            return 0;
        }
        if (function == ABS_FUNCTION) {
            return Math.abs((int) a);
        }
        throw new IllegalArgumentException("a simulated machine has no C function at address " + function);
    }
}
