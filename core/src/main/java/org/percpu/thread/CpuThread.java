// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.thread;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.linux.Uninterrupted;
import org.percpu.linux.VirtualThreads;

/**
 * A platform thread with a known place: CPUs, scheduling and name are set by the new thread itself before it runs any
 * of the caller's code. The CPUs are read back from the kernel. {@link #state} gives mask and scheduling as the kernel
 * reports them.
 *
 * <pre>{@code
 * CpuThread thread = CpuThread.builder("poller").cpu(topology.cpu(3)).sched(Sched.fifo(10)).start(this::poll);
 * System.out.println(thread.state());
 * }</pre>
 *
 * <p>Threads are daemons. They do not inherit the creator's affinity. A thread without a CPU runs on every CPU that the
 * process was started with and that is there. So this is also how a pinned thread starts an unpinned one. Objects of
 * this class are safe for use by any thread.
 */
public final class CpuThread {
    private static final long LOOK_MILLIS = 20;

    private final Builder asked;
    private final Place place;
    private final Settling settling;
    private final Thread thread;
    private final CountDownLatch settled = new CountDownLatch(1);

    // Written by the thread before it counts down `settled`, read after it.
    private @Nullable Throwable failure;

    private volatile @Nullable ThreadState last;

    private CpuThread(Builder asked, Runnable body) {
        this.asked = asked;
        this.place = asked.place();
        this.settling = asked.settling(place);
        this.thread = new Thread(null, () -> run(body), asked.name, 0, false);
        thread.setDaemon(true);
    }

    /** The calling thread, not yet in place. */
    private CpuThread(Builder asked) {
        this.asked = asked;
        this.place = asked.place();
        this.settling = asked.settling(place);
        this.thread = Thread.currentThread();
    }

    /**
     * Describes a thread.
     *
     * @param name any non-empty text; the kernel shows its first 15 bytes, with control characters replaced
     * @return a builder that asks for no CPU in particular and SCHED_OTHER at nice 0
     * @throws IllegalArgumentException if the name is empty
     */
    public static Builder builder(String name) {
        return new Builder(name);
    }

    @SuppressWarnings("Finally") // of two errors the later one tells that the thread is not known to have ended
    private void run(Runnable body) {
        boolean ready = false;
        try {
            settling.run();
            ready = true;
        } catch (RuntimeException | Error e) {
            failure = e;
        }
        try {
            settled.countDown();
        } catch (Throwable t) {
            // The creator would wait for ever.
            settled.countDown();
        }
        if (!ready) {
            return;
        }
        try {
            body.run();
        } finally {
            try {
                ends();
            } finally {
                // Again, as the call may have failed: the thread's number may soon belong to another thread.
                place.end();
            }
        }
    }

    /**
     * Tells that the calling thread, which was {@linkplain Builder#adopt() adopted}, is about to end: its state is read
     * for the last time, and {@link #repin()} leaves its number alone, which another thread may get. A thread that
     * {@link Builder#start} made does this by itself.
     */
    public void ends() {
        try {
            last = read(false);
        } finally {
            try {
                place.end();
            } catch (Throwable t) {
                // Its number may soon belong to another thread.
                place.end();
            }
        }
    }

    /**
     * The full name.
     *
     * @return as given to the builder
     */
    public String name() {
        return asked.name;
    }

    /**
     * The kernel's id of the thread, as in {@code /proc/self/task}.
     *
     * @return a positive number, also after the thread has ended
     */
    public int tid() {
        return settling.tid;
    }

    /**
     * The Java thread, for joining and stack traces. Changing its priority or daemon status is of no use.
     *
     * @return the thread
     */
    public Thread thread() {
        return thread;
    }

    /**
     * Waits until the kernel no longer has the thread, which is a moment after {@link Thread#join()}. The thread's
     * class loader may then be closed. An interrupt does not end the wait; the interrupt status is kept for the caller.
     *
     * @param atMost how long; zero only looks
     * @return false if the time is over and the thread is still there
     * @throws org.percpu.bindings.spi.ErrnoException EINVAL if the time is null or negative
     */
    public boolean awaitGone(Duration atMost) {
        return ThreadEnd.await(thread, settling.tid, Argument.requireTime(atMost, "awaitGone", "atMost"));
    }

    /**
     * What was asked for, and what the kernel reports. Takes some system calls and a file read. Callable from any
     * thread.
     *
     * @return the state now
     */
    public ThreadState state() {
        ThreadState ended = last;
        if (ended != null) {
            return ended;
        }
        // The thread cannot end while this is held, so no other thread can get its number.
        synchronized (place) {
            ended = last;
            if (ended != null) {
                return ended;
            }
            return place.hasEnded() ? unread() : read(true);
        }
    }

    /** The state of a thread that could not be read when it ended. Its number may belong to another thread now. */
    private ThreadState unread() {
        return state(false, CpuSet.empty(), -1, Sched.DEFAULT);
    }

    private ThreadState read(boolean alive) {
        int tid = settling.tid;
        CpuSet allowed;
        Sched sched = Scheduling.of(tid);
        try {
            allowed = Affinity.get(tid);
        } catch (LinuxException e) {
            // Ended between the look at `last` and here.
            ThreadState ended = last;
            if (ended != null) {
                return ended;
            }
            throw e;
        }
        return state(alive, allowed, lastCpu(tid), sched == null ? Sched.DEFAULT : sched);
    }

    private ThreadState state(boolean alive, CpuSet allowed, int lastCpu, Sched sched) {
        return new ThreadState(
                asked.name,
                settling.tid,
                alive,
                place.isBound(),
                place.asked(),
                allowed,
                lastCpu,
                asked.sched,
                sched,
                asked.pinPolicy,
                asked.realtimePolicy,
                settling.denial,
                settling.warning,
                place.pinsLost(),
                settling.timerSlack);
    }

    /** Field 39 of proc_pid_stat(5); the fields are counted from behind the name, which may contain anything. */
    private static int lastCpu(int tid) {
        try {
            String stat = Backend.linux().tasks().read(tid, "stat");
            return Integer.parseInt(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[36]);
        } catch (IOException | RuntimeException e) {
            return -1;
        }
    }

    /**
     * Compares the kernel's mask with the mask asked for and sets it again if something else changed it. A cpuset that
     * is rewritten, or a CPU that goes offline and comes back, loses pins silently. The kernel's watch calls this
     * method. The loss of a pin is reported once in the log and to the flight recorder, and so is its restoration. A
     * thread that is not bound gets back those of its CPUs that have returned, and nothing is reported.
     *
     * @return true if the thread is pinned as asked after the call, is not bound to CPUs, or has ended
     */
    public boolean repin() {
        return place.check(settling.tid);
    }

    /** The state in one line. */
    @Override
    public String toString() {
        return state().toString();
    }

    /** What to ask for. Not safe for use by several threads at once; one builder may start several threads. */
    public static final class Builder {
        private String name;
        private @Nullable CpuSet cpus;
        private Supplier<CpuSet> anyOf = Affinity::ofProcess;
        private Sched sched = Sched.DEFAULT;
        private PinPolicy pinPolicy = PinPolicy.REQUIRE;
        private RealtimePolicy realtimePolicy = RealtimePolicy.PREFER;

        private Builder(String name) {
            this.name = requireName(name);
        }

        private Builder(Builder other) {
            this.name = other.name;
            this.cpus = other.cpus;
            this.anyOf = other.anyOf;
            this.sched = other.sched;
            this.pinPolicy = other.pinPolicy;
            this.realtimePolicy = other.realtimePolicy;
        }

        private static String requireName(String name) {
            Argument.requireNonNull(name, "a thread", "name");
            if (name.isEmpty()) {
                throw new IllegalArgumentException("an empty thread name: give the thread a name");
            }
            return name;
        }

        /**
         * Pins the thread to one CPU.
         *
         * @param cpu the CPU to run on
         * @return this builder
         */
        public Builder cpu(Cpu cpu) {
            return cpus(CpuSet.of(
                    Argument.requireNonNull(cpu, "thread " + name, "cpu").id()));
        }

        /**
         * Binds the thread to some CPUs: it has all of them and no others, or has lost its pin.
         *
         * @param set one or more CPUs
         * @return this builder
         * @throws IllegalArgumentException if the set is empty
         */
        public Builder cpus(CpuSet set) {
            Argument.requireNonNull(set, "thread " + name, "set");
            if (set.isEmpty()) {
                throw new IllegalArgumentException("thread \"" + name + "\" asked for no CPU: name at least one");
            }
            this.cpus = set;
            return this;
        }

        /**
         * Lets the thread run on any of some CPUs, without binding it. The thread takes the CPUs that are online and in
         * the cpuset. It gets the others when {@link CpuThread#repin()} finds them there. It never counts as pinned.
         *
         * @param set the CPUs, asked for at the start and at each {@code repin()}; never empty. Unless set, the CPUs of
         *     the process: those of its initial thread
         * @return this builder
         */
        public Builder anyOf(Supplier<CpuSet> set) {
            this.anyOf = Argument.requireNonNull(set, "thread " + name, "set");
            this.cpus = null;
            return this;
        }

        /**
         * Asks for a policy and priority.
         *
         * @param setting what to ask for
         * @return this builder
         */
        public Builder sched(Sched setting) {
            this.sched = Argument.requireNonNull(setting, "thread " + name, "setting");
            return this;
        }

        /**
         * What to do when pinning fails.
         *
         * @param policy {@link PinPolicy#REQUIRE} unless set
         * @return this builder
         */
        public Builder pinPolicy(PinPolicy policy) {
            this.pinPolicy = Argument.requireNonNull(policy, "thread " + name, "policy");
            return this;
        }

        /**
         * What to do when a real-time policy is denied.
         *
         * @param policy {@link RealtimePolicy#PREFER} unless set
         * @return this builder
         */
        public Builder realtimePolicy(RealtimePolicy policy) {
            this.realtimePolicy = Argument.requireNonNull(policy, "thread " + name, "policy");
            return this;
        }

        /**
         * Starts the thread and waits until it is in place.
         *
         * @param body what it runs; an exception that leaves it goes to the thread's uncaught exception handler
         * @return the thread, pinned, scheduled and named
         * @throws LinuxException if there is no thread to be had (EAGAIN from pthread_create), it cannot be pinned, or
         *     the real-time policy is required and denied (EPERM); nothing is left behind
         * @throws UnsupportedOperationException if the library does not run on this system
         */
        public CpuThread start(Runnable body) {
            Argument.requireNonNull(body, "thread " + name, "body");
            VirtualThreads.warmSchedulers();
            CpuThread started = new CpuThread(new Builder(this), body);
            try {
                Backend.linux().start(started.thread);
            } catch (OutOfMemoryError e) {
                // HotSpot reports every failure of pthread_create this way, EAGAIN included.
                LinuxException failed = new LinuxException(
                        "pthread_create(\"" + name + "\")",
                        Errno.EAGAIN.number(),
                        String.valueOf(e.getMessage()),
                        "raise RLIMIT_NPROC (ulimit -u) or the pids limit of the cgroup, or start fewer threads");
                failed.initCause(e);
                throw failed;
            }
            if (!awaitSettled(started)) {
                throw new LinuxException(
                        "pthread_create(\"" + name + "\")",
                        Errno.EAGAIN.number(),
                        "the thread ended before it was in place; its uncaught exception says why",
                        "make room in the heap, or start fewer threads");
            }
            Throwable failure = started.failure;
            if (failure instanceof RuntimeException e) {
                throw e;
            }
            if (failure instanceof Error e) {
                throw e;
            }
            return started;
        }

        /**
         * Puts the calling thread in place, as {@link #start} does with a new one: its name in the kernel, CPUs and
         * scheduling. This is for threads that other code makes, such as those of a ForkJoinPool. The thread calls
         * {@link CpuThread#ends()} as the last step before it ends. Its name in Java stays as it is.
         *
         * @return the thread, pinned, scheduled and named
         * @throws LinuxException if it cannot be pinned, or the real-time policy is required and denied (EPERM); the
         *     thread may then have the name, and the CPUs
         * @throws UnsupportedOperationException on a virtual thread, or if the library does not run on this system
         */
        public CpuThread adopt() {
            VirtualThreads.refuse("adopting thread " + name);
            VirtualThreads.warmSchedulers();
            CpuThread adopted = new CpuThread(new Builder(this));
            adopted.settling.run();
            return adopted;
        }

        private Place place() {
            CpuSet bound = cpus;
            return bound != null ? Place.bound(name, bound) : Place.anyOf(name, anyOf);
        }

        private Settling settling(Place place) {
            return new Settling(name, place, sched, pinPolicy, realtimePolicy);
        }

        /** False if an error has ended the thread before it was in place. */
        private static boolean awaitSettled(CpuThread started) {
            Uninterrupted.until(() -> {
                // In this order: a thread that has ended has counted before.
                boolean alive = started.thread.isAlive();
                return started.settled.await(alive ? LOOK_MILLIS : 0, TimeUnit.MILLISECONDS) || !alive;
            });
            return started.settled.getCount() == 0;
        }
    }
}
