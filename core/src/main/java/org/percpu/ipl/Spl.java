// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import static org.percpu.ipl.Memory.INT;
import static org.percpu.ipl.Memory.LONG;

import java.lang.invoke.VarHandle;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.linux.VirtualThreads;

/**
 * spl(9): the interrupt priority level of one thread. While a thread is at a level, interrupts of that level and lower
 * ones are held back; they run, highest first, when it lowers its level.
 *
 * <pre>{@code
 * Spl spl = Spl.current();
 * int s = spl.splvm();
 * try {
 *     ... // no handler of IPL_VM or lower runs on this thread
 * } finally {
 *     spl.splx(s);
 * }
 * }</pre>
 *
 * <p>Raising never lowers (R2): at HIGH, {@code splvm()} stays at HIGH. {@link #splx} with the cookie goes back to the
 * level before (R3); pairs nest, last in first out (R4). Identical requests that come while masked are one (R5); values
 * are all kept.
 *
 * <table>
 * <caption>Raises to a fixed level</caption>
 * <tr><th>Method</th><th>Level</th><th>System</th></tr>
 * <tr><td>{@link #splsoftclock}</td><td>SOFTCLOCK</td><td>both</td></tr>
 * <tr><td>{@link #splsoftbio}</td><td>SOFTBIO</td><td>NetBSD</td></tr>
 * <tr><td>{@link #splsoftnet}</td><td>SOFTNET</td><td>both</td></tr>
 * <tr><td>{@link #splbio}</td><td>BIO</td><td>OpenBSD; NetBSD: use splvm</td></tr>
 * <tr><td>{@link #splnet}</td><td>NET</td><td>OpenBSD; NetBSD: use splvm</td></tr>
 * <tr><td>{@link #splsoftserial}</td><td>SOFTSERIAL</td><td>both</td></tr>
 * <tr><td>{@link #splsofttty}</td><td>SOFTSERIAL</td><td>OpenBSD</td></tr>
 * <tr><td>{@link #spltty}</td><td>TTY</td><td>OpenBSD; NetBSD: use splvm</td></tr>
 * <tr><td>{@link #splvm}</td><td>VM</td><td>both</td></tr>
 * <tr><td>{@link #splaudio}</td><td>AUDIO</td><td>OpenBSD; NetBSD: use splsched</td></tr>
 * <tr><td>{@link #splclock}</td><td>SCHED</td><td>both</td></tr>
 * <tr><td>{@link #splstatclock}</td><td>SCHED</td><td>OpenBSD</td></tr>
 * <tr><td>{@link #splsched}</td><td>SCHED</td><td>both</td></tr>
 * <tr><td>{@link #splserial}</td><td>HIGH</td><td>NetBSD</td></tr>
 * <tr><td>{@link #splhigh}</td><td>HIGH</td><td>both</td></tr>
 * </table>
 *
 * <p>Besides splx, {@link #spl0} and {@link #spllowersoftclock} lower the level by themselves (R10), as do {@link
 * Mutex#unlock} and, for workers, {@link #leaveAll}.
 *
 * <p>A level belongs to its thread, as a signal mask does, and keeps nobody else out: pair it with a lock, or use
 * {@link Mutex}. A handler runs on the thread that has the level, at the handler's own level, in interrupt state: calls
 * of the library that sleep refuse. It runs where the thread looks: in each of these when they lower the level, in
 * {@link #poll} and {@link #awaitInterrupt}, in workers of queues between callbacks, and while the thread sleeps in
 * this library or waits for one of its locks; never in the middle of other Java code. So a handler may wake its own
 * thread ({@code wakeup}, {@code Condvar.signal}), as the end of a disk transfer wakes a thread in biowait(9). While
 * the thread blocks by other means, such as a {@code ReentrantLock}, file I/O or {@code Thread.sleep}, its interrupts
 * wait.
 *
 * <p>{@link #current()} looks in a thread-local; hot code keeps the object. The static methods, {@link #isAlive},
 * {@link #wakeup}, {@link #onFault}, {@link #deferrals} and {@link #toString} are for any thread, the others for the
 * thread itself. Virtual threads have no level.
 *
 * @see <a href="https://man.netbsd.org/spl.9">spl(9)</a>
 */
@SuppressWarnings("ReferenceEquality") // threads and mutexes are compared by identity
public final class Spl {
    private static final ThreadLocal<@Nullable Spl> OF_THREAD = new ThreadLocal<>();
    private static final AtomicInteger COUNT = new AtomicInteger();

    /**
     * By the last bits of the thread's number: whether it, or another one with the same bits, has a level. A look into
     * a ThreadLocal allocates its map on a thread that has none, and threads without a level have no reason to. Plain:
     * a thread that has a level has written this itself.
     */
    private static final boolean[] HAS_LEVEL = new boolean[1 << 12];

    private static final InterruptLine[] NO_LINES = {};

    /** A cookie is the level before in these bits and the number of the Spl above them. */
    private static final int LEVEL_BITS = 4;

    private static final int LEVEL_WORD = Memory.LEVEL / Integer.BYTES;
    private static final int PENDING_WORD = Memory.PENDING / Integer.BYTES;
    private static final int LEVEL_MASK = (1 << LEVEL_BITS) - 1;

    /** kern.splassert. */
    private static final AtomicInteger KERN_SPLASSERT = new AtomicInteger(-1);

    /** For {@link #roomWasMade}. */
    static final long ALL_SIGNALS = -1;

    /** Levels at which a thread still may take a mutex that sleeps. */
    private static final int SOFT_MAX = Ipl.SOFTSERIAL.rank();

    /**
     * Whether any thread has a level. Plain: a thread that has one has written this itself, and others need not know.
     */
    private static boolean used;

    /** Memory of threads; that of threads that are gone is used again. */
    private static final List<Receiver> RECEIVERS = new ArrayList<>(); // guarded by itself

    private static final class Receiver {
        final ByteBuffer memory;
        WeakReference<Spl> spl = new WeakReference<>(null);
        int tid;

        Receiver(LinuxCalls linux) {
            memory = linux.allocate(Memory.RECEIVER_BYTES);
        }

        /** The handler may still run on a thread after Java has done with it, until Linux has too. */
        boolean isGone(LinuxCalls linux) {
            Spl last = spl.get();
            return (last == null || (!last.isAlive() && !last.hasLines()))
                    && linux.sched_getscheduler(tid) == -Errno.ESRCH.number();
        }
    }

    private final Thread owner;
    private final int tag;
    private final Support support;
    private final ByteBuffer memory;
    private volatile @Nullable Runnable ringDoor;
    private volatile boolean ringOwed; // a ring that may not have been heard

    private final IntBuffer words; // the same memory, for Words

    private final long address;
    private final int tid;
    private final long[] set = new long[1];

    /** By rank; replaced as a whole under `this`. */
    private volatile InterruptLine[][] lines = new InterruptLine[Signals.RANKS][];

    private volatile BiConsumer<InterruptLine, Throwable> faults = Spl::log;

    private volatile long ownSignals; // of its lines, under `this`

    // The thread's own.
    private int level;
    private boolean eager;
    private long blocked; // by us, EAGER
    private int interrupts; // handlers on the stack
    private int hardInterrupts; // of these, not soft ones
    int spinHeld; // mutexes
    int spinFloor; // their highest level, or what releases in the wrong order have left of it
    int spinBase; // before the first
    int spinOldLevel; // NetBSD: before the first
    int spinCount; // NetBSD

    @Nullable
    Mutex spinTop; // the last taken

    private Spl(Support support, Receiver receiver) {
        this.support = support;
        this.owner = Thread.currentThread();
        this.tag = (COUNT.incrementAndGet() << LEVEL_BITS) & Integer.MAX_VALUE;
        this.memory = receiver.memory;
        this.words = memory.asIntBuffer();
        this.address = support.linux.address(memory);
        this.tid = support.linux.gettid();
        this.eager = support.mode() == SplMode.EAGER;
        Arrays.fill(lines, NO_LINES);
        receiver.spl = new WeakReference<>(this);
        receiver.tid = tid;
        for (int at = 0; at < Memory.RECEIVER_BYTES; at += Long.BYTES) {
            memory.putLong(at, 0);
        }
        memory.putInt(Memory.TID, tid);
        memory.putLong(Memory.THREAD, support.linux.pthread_self());
        memory.putLong(Memory.MASKS, support.signals.masks());
        // Linked now: at the end of a stack, in the first ring of a line, the link would be ruined for good.
        int woken = support.linux.futex_wake(address + Memory.BELL, 1);
        assert woken >= 0;
        // The creator's mask is inherited, and with it what it had masked.
        sigmask(LinuxCalls.SIG_UNBLOCK, support.signals.mask(Ipl.HIGH.rank()));
    }

    /**
     * The calling thread's level.
     *
     * @return always the same object for a thread; at {@link Ipl#NONE} when made
     * @throws UnsupportedOperationException on a virtual thread, or if the library does not run on this system, or the
     *     libpercpu.so that {@code -Dpercpu.library.path} names is none of this version, or {@code -Dpercpu.spl=lazy}
     *     is set and there is none
     * @throws IllegalArgumentException if {@code -Dpercpu.spl} is neither eager nor lazy
     */
    public static Spl current() {
        Spl spl = ofThread();
        return spl != null ? spl : attach();
    }

    private static @Nullable Spl ofThread() {
        return HAS_LEVEL[lastBits()] ? OF_THREAD.get() : null;
    }

    /** Not of the identity hash: of a thread that another one joins, it takes 15 ns. */
    private static int lastBits() {
        return (int) Thread.currentThread().getId() & (HAS_LEVEL.length - 1);
    }

    private static Spl attach() {
        VirtualThreads.refuse("an interrupt priority level");
        Support support = Support.get();
        Spl spl;
        synchronized (RECEIVERS) {
            Receiver receiver = null;
            for (Receiver known : RECEIVERS) {
                if (known.isGone(support.linux)) {
                    receiver = known;
                    break;
                }
            }
            if (receiver == null) {
                receiver = new Receiver(support.linux);
                RECEIVERS.add(receiver);
            }
            spl = new Spl(support, receiver);
        }
        OF_THREAD.set(spl);
        HAS_LEVEL[lastBits()] = true;
        used = true;
        return spl;
    }

    /**
     * Whether a look at the calling thread's level is worth while: false as long as no thread has ever asked for one.
     *
     * @return a plain field
     */
    public static boolean isUsed() {
        return used;
    }

    /**
     * The calling thread's level, if it has ever asked for it.
     *
     * @return null on threads that never asked for their level
     */
    public static @Nullable Spl currentIfUsed() {
        return used ? ofThread() : null;
    }

    /**
     * splraiseipl: raises the level, or leaves it where it is higher (R2).
     *
     * @param ipl the level at least to be at
     * @return cookie for {@link #splx}; no number with a meaning
     * @throws IllegalStateException on another thread than the level's
     */
    public int splraise(Ipl ipl) {
        Argument.requireNonNull(ipl, "splraise", "ipl");
        requireOwner();
        int old = level;
        int wanted = ipl.rank();
        if (wanted > old) {
            enter(wanted);
        }
        return tag | old;
    }

    /**
     * Raises to {@link Ipl#SOFTCLOCK} (both systems).
     *
     * @return cookie for {@link #splx}
     */
    public int splsoftclock() {
        return splraise(Ipl.SOFTCLOCK);
    }

    /**
     * Raises to {@link Ipl#SOFTBIO} (NetBSD).
     *
     * @return cookie for {@link #splx}
     */
    public int splsoftbio() {
        return splraise(Ipl.SOFTBIO);
    }

    /**
     * Raises to {@link Ipl#SOFTNET} (both systems).
     *
     * @return cookie for {@link #splx}
     */
    public int splsoftnet() {
        return splraise(Ipl.SOFTNET);
    }

    /**
     * Raises to {@link Ipl#BIO} (OpenBSD; NetBSD has the name for {@link #splvm}).
     *
     * @return cookie for {@link #splx}
     */
    public int splbio() {
        return splraise(Ipl.BIO);
    }

    /**
     * Raises to {@link Ipl#NET} (OpenBSD; NetBSD has the name for {@link #splvm}).
     *
     * @return cookie for {@link #splx}
     */
    public int splnet() {
        return splraise(Ipl.NET);
    }

    /**
     * Raises to {@link Ipl#SOFTSERIAL} (both systems).
     *
     * @return cookie for {@link #splx}
     */
    public int splsoftserial() {
        return splraise(Ipl.SOFTSERIAL);
    }

    /**
     * Raises to {@link Ipl#SOFTSERIAL} (OpenBSD's other name for {@link #splsoftserial}).
     *
     * @return cookie for {@link #splx}
     */
    public int splsofttty() {
        return splraise(Ipl.SOFTSERIAL);
    }

    /**
     * Raises to {@link Ipl#TTY} (OpenBSD; NetBSD has the name for {@link #splvm}).
     *
     * @return cookie for {@link #splx}
     */
    public int spltty() {
        return splraise(Ipl.TTY);
    }

    /**
     * Raises to {@link Ipl#VM} (both systems).
     *
     * @return cookie for {@link #splx}
     */
    public int splvm() {
        return splraise(Ipl.VM);
    }

    /**
     * Raises to {@link Ipl#AUDIO} (OpenBSD).
     *
     * @return cookie for {@link #splx}
     */
    public int splaudio() {
        return splraise(Ipl.AUDIO);
    }

    /**
     * Raises to {@link Ipl#SCHED} (both systems' name for the clocks' level).
     *
     * @return cookie for {@link #splx}
     */
    public int splclock() {
        return splraise(Ipl.SCHED);
    }

    /**
     * Raises to {@link Ipl#SCHED} (OpenBSD's name for the level of the statistics clock).
     *
     * @return cookie for {@link #splx}
     */
    public int splstatclock() {
        return splraise(Ipl.SCHED);
    }

    /**
     * Raises to {@link Ipl#SCHED} (both systems).
     *
     * @return cookie for {@link #splx}
     */
    public int splsched() {
        return splraise(Ipl.SCHED);
    }

    /**
     * Raises to {@link Ipl#HIGH} (NetBSD's name for the level of serial lines).
     *
     * @return cookie for {@link #splx}
     */
    public int splserial() {
        return splraise(Ipl.HIGH);
    }

    /**
     * Raises to {@link Ipl#HIGH} (both systems).
     *
     * @return cookie for {@link #splx}
     */
    public int splhigh() {
        return splraise(Ipl.HIGH);
    }

    /**
     * Goes back to the level before a raise, and runs what has become pending and is not masked any more, highest level
     * first, before it returns (R3).
     *
     * @param cookie from a raise of this thread
     * @throws IllegalStateException if the cookie is of another thread, or stands for a level above the current one or
     *     below that of a held spin mutex, or this is another thread than the level's; the level is then unchanged
     */
    public void splx(int cookie) {
        requireOwner();
        int old = cookie & LEVEL_MASK;
        if ((cookie ^ tag) >>> LEVEL_BITS != 0 || old > level) {
            throw badCookie(cookie);
        }
        if (old < level) {
            if (old < spinFloor) {
                throw belowMutex(old);
            }
            lower(old);
        }
    }

    /**
     * Lowers to {@link Ipl#NONE}, whatever sections are open. Only for code that knows it is outermost (R4).
     *
     * @throws IllegalStateException on another thread than the level's, in an interrupt handler, or with a spin mutex
     *     held
     */
    public void spl0() {
        lowerTo("spl0", 0);
    }

    /**
     * Lowers to {@link Ipl#SOFTCLOCK}, whatever sections are open; at that level and at {@link Ipl#NONE} it changes
     * nothing (R10). Only for code that knows it is outermost.
     *
     * @throws IllegalStateException on another thread than the level's, in an interrupt handler, or with a spin mutex
     *     held
     */
    public void spllowersoftclock() {
        lowerTo("spllowersoftclock", Ipl.SOFTCLOCK.rank());
    }

    private void lowerTo(String call, int to) {
        requireOwner();
        if (interrupts > 0 || spinHeld > 0) {
            throw new IllegalStateException(call + " on " + owner.getName() + " "
                    + (interrupts > 0 ? "in an interrupt handler" : "with a spin mutex held")
                    + ": leave that first");
        }
        if (level > to) {
            lower(to);
        }
    }

    /**
     * After a callback that returned at a raised level or with spin mutexes held: releases them and lowers to {@link
     * Ipl#NONE}. For the workers of queues.
     *
     * @return the level and the mutexes that there were, as a clause, or null if there was nothing to do
     * @throws IllegalStateException on another thread than the level's
     */
    public @Nullable String leaveAll() {
        requireOwner();
        if (level == 0 && spinHeld == 0) {
            return null;
        }
        String left = "at " + level() + (spinHeld == 0 ? "" : Mutex.releaseAbove(this, 0));
        if (level > 0) {
            lower(0);
        }
        return left;
    }

    /**
     * splassert(9) of OpenBSD: complains if the level is below the one given (R9), as {@link #kernSplassert} says.
     *
     * @param ipl the least level
     * @throws IllegalStateException if it is lower, with both levels in the message; or on another thread than the
     *     level's
     */
    public void splassert(Ipl ipl) {
        Argument.requireNonNull(ipl, "splassert", "ipl");
        requireOwner();
        if (level < ipl.rank()) {
            complain("splassert on " + owner.getName() + ": want " + ipl + ", have " + level());
        }
    }

    private static void complain(String message) {
        switch (KERN_SPLASSERT.get()) {
            case 0 -> {}
            case 1 -> logger().log(System.Logger.Level.WARNING, message);
            case 2, 3 -> logger().log(System.Logger.Level.WARNING, message, new IllegalStateException(message));
            default -> throw new IllegalStateException(message);
        }
    }

    /**
     * sysctl kern.splassert of OpenBSD: how {@link #splassert} complains, on every thread. Any thread may call it.
     *
     * @param ctl 0 not at all; 1 a message in the log of this class; 2 a message with a stack trace; 3 the same, as
     *     there is no debugger to enter; anything else an exception, in the place of a panic
     * @return the value before; -1, an exception, at first, where OpenBSD begins with 1
     */
    public static int kernSplassert(int ctl) {
        return KERN_SPLASSERT.getAndSet(ctl);
    }

    /**
     * The level now.
     *
     * @return of the thread, also in a handler
     */
    public Ipl level() {
        return Ipl.ofRank(level);
    }

    int rank() {
        return level;
    }

    /**
     * Whether the thread is in an interrupt handler.
     *
     * @return true in handlers of lines, soft or not
     */
    public boolean inInterrupt() {
        return interrupts > 0;
    }

    /**
     * Whether the thread is in a handler of a level that is not one of the soft ones.
     *
     * @return true in handlers of hardware levels
     */
    public boolean inHardInterrupt() {
        return hardInterrupts > 0;
    }

    /**
     * How this thread masks signals.
     *
     * @return LAZY where libpercpu is loaded, unless {@code -Dpercpu.spl=eager}
     */
    public SplMode mode() {
        return eager ? SplMode.EAGER : SplMode.LAZY;
    }

    /**
     * Changes how this thread masks signals, for comparisons and diagnosis.
     *
     * @param mode of this thread from now on
     * @throws IllegalStateException at a raised level, or on another thread than the level's
     * @throws UnsupportedOperationException if LAZY is asked for without libpercpu
     */
    public void setMode(SplMode mode) {
        Argument.requireNonNull(mode, "setMode", "mode");
        requireOwner();
        if (level != 0) {
            throw new IllegalStateException("the mode of " + owner.getName() + " cannot change at " + level());
        }
        if (mode == SplMode.LAZY) {
            TopHalf half = support.requireTopHalf("LAZY");
            assert half != null;
        }
        eager = mode == SplMode.EAGER;
    }

    /**
     * Runs what is pending and not masked. Costs a memory access if there is nothing.
     *
     * @return how many times handlers were called from here; those that a handler let in by lowering its level are not
     *     counted
     * @throws IllegalStateException on another thread than the level's
     */
    public int poll() {
        requireOwner();
        compilerFence();
        return mustService(level) ? service(level) : 0;
    }

    /**
     * Sleeps until an interrupt comes, and runs it.
     *
     * @param timeoutNanos longest sleep in nanoseconds, or {@link LinuxCalls#FOREVER}
     * @return how many times handlers were called; 0 if the time is up, or something else rang
     * @throws IllegalStateException above {@link Ipl#NONE}, or on another thread than the level's
     */
    public int awaitInterrupt(long timeoutNanos) {
        requireOwner();
        String refusal = whyNotSleep(null);
        if (refusal != null) {
            throw new IllegalStateException("wait for interrupts on " + owner.getName() + " " + refusal);
        }
        int ran = poll();
        if (ran == 0) {
            sleepUntilRung(timeoutNanos);
        }
        return ran + poll();
    }

    /**
     * Sleeps until a ring, or not at all after a ring since the last sleep. A signal ends it too. The caller then looks
     * for what came.
     */
    void sleepUntilRung(long nanos) {
        if (!INT.compareAndSet(memory, Memory.BELL, 1, 0)) {
            int result = support.linux.futex_wait(address + Memory.BELL, 0, nanos);
            assert result <= 0;
            // Not just a store: what a ringer wrote before its ring must be seen behind this.
            int rung = (int) INT.getAndSet(memory, Memory.BELL, 0);
            assert rung >= 0;
        }
    }

    /** Any thread: wakes {@link #awaitInterrupt} and {@link Sleep}. */
    void ring() {
        boolean again = ringOwed;
        try {
            if (again) {
                ringOwed = false;
            }
            Port.ring(support, memory, Memory.BELL, address + Memory.BELL, again);
        } catch (Throwable t) {
            // No calls in here: the caller's stack may be at its end. The next one makes up for it.
            ringOwed = true;
            throw t;
        }
    }

    /** Any thread: wakes {@link #awaitInterrupt}. */
    public void wakeup() {
        ring();
        Runnable door = ringDoor;
        if (door != null) {
            door.run();
        }
    }

    /**
     * Registers a second doorbell, for a thread that sleeps on it instead of in {@link #awaitInterrupt}. Queues use it;
     * their workers then {@link #poll}.
     *
     * @param door address of a 32-bit futex word, 1 for rung, that lives as long as the process
     * @param ring rings it from Java
     */
    public void ringAlso(long door, Runnable ring) {
        Argument.requireNonNull(ring, "ringAlso", "ring");
        requireOwner();
        ringDoor = ring;
        LONG.setVolatile(memory, Memory.DOOR, door);
    }

    /**
     * Sets the handler that is told of interrupt handlers that throw. The line goes on.
     *
     * @param handler logs at ERROR unless set
     */
    public void onFault(BiConsumer<InterruptLine, Throwable> handler) {
        faults = Argument.requireNonNull(handler, "onFault", "handler");
    }

    /** Asked for each time: a class that keeps it could be ruined by the end of a stack, and it is seldom needed. */
    private static System.Logger logger() {
        return System.getLogger(Spl.class.getName());
    }

    private static void log(InterruptLine line, Throwable thrown) {
        logger().log(System.Logger.Level.ERROR, "the handler of " + line + " threw", thrown);
    }

    /** A line is closed with values that no handler has seen. */
    void dropped(InterruptLine line, long values) {
        String message = line + " on " + owner.getName()
                + " was closed; values that its handler had not seen, dropped and counted as lost: " + values;
        try {
            logger().log(System.Logger.Level.WARNING, message);
        } catch (Throwable silent) {
            // The line is closed, whatever the log does.
            return;
        }
    }

    void fault(InterruptLine line, Throwable thrown) {
        try {
            faults.accept(line, thrown);
        } catch (Throwable t) {
            // The values behind this one must not wait for the next interrupt, whatever the log does.
            try {
                log(line, t);
                log(line, thrown);
            } catch (Throwable silent) {
                return;
            }
        }
    }

    /**
     * Whether the thread lives. Any thread may ask.
     *
     * @return false when it has ended, and then its lines are dead
     */
    public boolean isAlive() {
        return owner.isAlive();
    }

    /**
     * Checks that a queue may be used at the calling thread's level (U11).
     *
     * @param ipl level of the queue
     * @param hardFloor least level of a queue that hard interrupts may use
     * @return null, or what is wrong, as a clause that names both levels
     */
    public static @Nullable String above(Ipl ipl, Ipl hardFloor) {
        Argument.requireNonNull(ipl, "above", "ipl");
        Argument.requireNonNull(hardFloor, "above", "hardFloor");
        Spl spl = ofThread();
        if (spl == null) {
            return null;
        }
        if (spl.level <= ipl.rank()) {
            return spl.hardInterrupts > 0 && ipl.compareTo(hardFloor) < 0
                    ? "in an interrupt at " + spl.level() + " on " + spl.owner.getName() + ", and the queue's level "
                            + ipl + " is below " + hardFloor + ": create the queue with " + hardFloor
                    : null;
        }
        return "at " + spl.level() + " on " + spl.owner.getName() + ", above the queue's level " + ipl
                + ": create the queue with " + spl.level() + ", or lower the level first";
    }

    /**
     * Why the calling thread must not sleep: a spin mutex is held, it is in an interrupt handler, or its level is
     * raised.
     *
     * @param released a lock that the sleep releases first, or null
     * @return null if it may sleep, else one of three clauses
     */
    public static @Nullable String whyNotSleepNow(java.util.concurrent.locks.@Nullable Lock released) {
        Spl spl = ofThread();
        return spl == null ? null : spl.whyNotSleep(released instanceof Mutex mutex ? mutex : null);
    }

    private @Nullable String whyNotSleep(@Nullable Mutex released) {
        Mutex freed = released != null && released.isSpin() && released.isHeldByCurrentThread() ? released : null;
        if (spinHeld > (freed == null ? 0 : 1)) {
            return "with a spin mutex held (" + spinHeld + "): release it first";
        }
        if (interrupts > 0) {
            return "in an interrupt handler at " + level() + ": defer it to a work or task";
        }
        int after = freed == null ? level : freed.levelAfterUnlock(this);
        if (after > 0) {
            return "at " + Ipl.ofRank(after) + ": lower the level to NONE first";
        }
        return null;
    }

    boolean mayTakeAdaptive() {
        return spinHeld == 0 && hardInterrupts == 0 && level <= SOFT_MAX;
    }

    Thread owner() {
        return owner;
    }

    int tid() {
        return tid;
    }

    long address() {
        return address;
    }

    Support support() {
        return support;
    }

    boolean isCurrent() {
        return Thread.currentThread() == owner;
    }

    private void requireOwner() {
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("the level of " + owner.getName() + " is not that of "
                    + Thread.currentThread().getName() + ": call Spl.current() on the thread itself");
        }
    }

    private IllegalStateException badCookie(int cookie) {
        int old = cookie & LEVEL_MASK;
        if ((cookie ^ tag) >>> LEVEL_BITS != 0 || old >= Signals.RANKS) {
            return new IllegalStateException(
                    "splx on " + owner.getName() + " with cookie 0x" + Integer.toHexString(cookie)
                            + ", which is of another thread or none at all: pass what this thread's raise returned");
        }
        return new IllegalStateException("splx on " + owner.getName() + " to " + Ipl.ofRank(old)
                + ", above the current level " + level() + ": splx only lowers; are the pairs nested?");
    }

    private IllegalStateException belowMutex(int to) {
        return new IllegalStateException("splx on " + owner.getName() + " to " + Ipl.ofRank(to) + ", below "
                + Ipl.ofRank(spinFloor) + " of the spin mutexes held, the last of which is " + spinTop
                + ": unlock first");
    }

    // ---- the level word

    /** Raises, or enters the level of a handler. */
    private void enter(int to) {
        int old = level;
        try {
            setLevel(to);
            compilerFence();
            if (eager) {
                block(to);
            }
        } catch (Throwable t) {
            // The caller gets no cookie to go back with.
            setLevel(old);
            throw t;
        }
    }

    /** A plain store, but of an aligned int, so the handler never sees half of it. */
    private void setLevel(int to) {
        Words.put(words, address, LEVEL_WORD, to);
        level = to;
    }

    /**
     * Only the handler on this same thread cares for the order, so the processor needs no fence, but the compilers do.
     */
    private static void compilerFence() {
        VarHandle.releaseFence();
        VarHandle.acquireFence();
    }

    void lower(int to) {
        compilerFence();
        setLevel(to);
        compilerFence();
        if (eager || mustService(to)) {
            lowered(to);
        }
    }

    private void lowered(int to) {
        if (eager) {
            unblock(to);
        }
        int ran = service(to);
        assert ran >= 0;
    }

    /** A plain look: each caller has a fence before it, so that no loop looks only once. */
    private boolean mustService(int to) {
        return (Words.get(words, address, PENDING_WORD) & (-2 << to | Memory.REMASK)) != 0;
    }

    /** Puts the level where it belongs without a look at what is pending. */
    private void restore(int to) {
        setLevel(to);
        compilerFence();
        if (eager) {
            block(to);
            unblock(to);
        }
    }

    private void block(int to) {
        long more = support.signals.mask(to) & ~blocked;
        if (more != 0) {
            sigmask(LinuxCalls.SIG_BLOCK, more);
            blocked |= more;
        }
    }

    private void unblock(int to) {
        long less = blocked & ~support.signals.mask(to);
        if (less != 0) {
            blocked &= ~less;
            sigmask(LinuxCalls.SIG_UNBLOCK, less);
        }
    }

    /**
     * Signals of other receivers' lines stay blocked once the handler has blocked them here, and signals of own lines
     * until their rings have room: each thread takes one of them at most, for which the rings have room in reserve.
     * Whoever takes a bit out of SPILLED puts it into DEFERRED afterwards, so that what is left out here is looked at
     * again.
     */
    private void sigmask(int how, long signals) {
        set[0] = how == LinuxCalls.SIG_UNBLOCK
                ? signals & ~(support.signals.routed() & ~ownSignals) & ~(long) LONG.getVolatile(memory, Memory.SPILLED)
                : signals;
        int result = support.linux.pthread_sigmask(how, set, null);
        assert result == 0;
    }

    /**
     * Runs pending ranks above a level, and lets the kernel deliver what the handler has blocked and the level does not
     * mask.
     */
    private int service(int to) {
        int ran = 0;
        while (true) {
            int pending = (int) INT.getVolatile(memory, Memory.PENDING);
            int runnable = pending & (-2 << to);
            if (runnable != 0) {
                int rank = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(runnable);
                INT.getAndBitwiseAnd(memory, Memory.PENDING, ~(1 << rank));
                try {
                    ran += run(rank, to);
                } catch (Throwable t) {
                    // Not a handler's: what it was must not leave values behind that wait for the next interrupt.
                    INT.getAndBitwiseOr(memory, Memory.PENDING, 1 << rank);
                    throw t;
                }
            } else if ((pending & Memory.REMASK) == 0 || !remask(to)) {
                return ran;
            }
        }
    }

    /** True if signals were unblocked, and may have been delivered already. */
    private boolean remask(int to) {
        INT.getAndBitwiseAnd(memory, Memory.PENDING, ~Memory.REMASK);
        long deferred = (long) LONG.getVolatile(memory, Memory.DEFERRED);
        long masked = support.signals.mask(to);
        if ((deferred & masked) != 0) {
            // Looked at again when the level falls further.
            INT.getAndBitwiseOr(memory, Memory.PENDING, Memory.REMASK);
        }
        long free = deferred & ~masked;
        if (free == 0) {
            return false;
        }
        LONG.getAndBitwiseAnd(memory, Memory.DEFERRED, ~free);
        sigmask(LinuxCalls.SIG_UNBLOCK, free);
        return true;
    }

    private int run(int rank, int to) {
        boolean hard = !Signals.isSoft(rank);
        int held = spinHeld;
        int ran = 0;
        enter(rank);
        interrupts++;
        hardInterrupts += hard ? 1 : 0;
        try {
            for (InterruptLine line : lines[rank]) {
                ran += line.run();
                if (spinHeld > held) {
                    fault(
                            line,
                            new IllegalStateException("the handler of " + line + " returned at " + level()
                                    + Mutex.releaseAbove(this, held) + ": they are released"));
                }
                if (level != rank) {
                    // NetBSD's count keeps a level that the handler's own mutex raised while the code interrupted holds
                    // one.
                    if (level < rank || spinCount == 0) {
                        fault(line, new IllegalStateException("the handler of " + line + " returned at " + level()));
                    }
                    restore(rank);
                }
            }
        } finally {
            interrupts--;
            hardInterrupts -= hard ? 1 : 0;
            try {
                restore(to);
            } catch (Throwable t) {
                // Not to be left at the level of the handler. There was room for a handler just now.
                restore(to);
            }
        }
        return ran;
    }

    // ---- lines

    /** Any thread: something of a rank waits. */
    void notifyRank(int rank) {
        INT.getAndBitwiseOr(memory, Memory.PENDING, 1 << rank);
        wakeup();
    }

    /**
     * Any thread: a full ring has room again, or is gone; the thread shall let the kernel deliver what it kept of these
     * signals.
     */
    void roomWasMade(long signals) {
        // The memory of a thread that has ended may be another's.
        if (!isAlive()) {
            return;
        }
        long spilled = (long) LONG.getAndBitwiseAnd(memory, Memory.SPILLED, ~signals) & signals;
        if (spilled != 0) {
            LONG.getAndBitwiseOr(memory, Memory.DEFERRED, spilled);
            notifyRank(0);
        }
    }

    /**
     * Any thread: the thread may have a signal blocked that its own line gets now; it shall let it in as soon as its
     * level does. No handler runs in here: the caller has the line's lock.
     */
    void admit(long signals) {
        synchronized (this) {
            ownSignals |= signals;
        }
        LONG.getAndBitwiseOr(memory, Memory.DEFERRED, signals);
        notifyRank(0);
        if (isCurrent()) {
            boolean letIn = remask(level);
            assert letIn || level > 0;
        }
    }

    /** In a handler: interrupts of higher levels come first. */
    int preempt() {
        compilerFence();
        return mustService(level) ? service(level) : 0;
    }

    /** Any thread: a line of this receiver gives its signal back. */
    synchronized void dismiss(long signals) {
        ownSignals &= ~signals;
    }

    synchronized void add(InterruptLine line) {
        InterruptLine[][] copy = lines.clone();
        InterruptLine[] same = Arrays.copyOf(copy[line.rank()], copy[line.rank()].length + 1);
        same[same.length - 1] = line;
        copy[line.rank()] = same;
        lines = copy;
    }

    synchronized void remove(InterruptLine line) {
        InterruptLine[][] copy = lines.clone();
        List<InterruptLine> same = new ArrayList<>(Arrays.asList(copy[line.rank()]));
        same.remove(line);
        copy[line.rank()] = same.toArray(NO_LINES);
        lines = copy;
    }

    boolean hasLines() {
        for (InterruptLine[] same : lines) {
            if (same.length > 0) {
                return true;
            }
        }
        return false;
    }

    /**
     * How often the signal handler has blocked signals because the level masked one that came.
     *
     * @return counted since the thread asked for its level
     */
    public long deferrals() {
        return (long) LONG.getVolatile(memory, Memory.DEFERRALS);
    }

    /** Thread and level. */
    @Override
    public String toString() {
        return owner.getName() + " (tid " + tid + ") at " + Ipl.ofRank((int) INT.getVolatile(memory, Memory.LEVEL));
    }
}
