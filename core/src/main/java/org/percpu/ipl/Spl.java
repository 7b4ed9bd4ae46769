// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.bindings.spi.Argument;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Dispatchers;
import org.percpu.dispatch.HeldMutexes;
import org.percpu.dispatch.Level;
import org.percpu.dispatch.Rank;

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
 * <p>Besides splx, {@link #spl0} and {@link #spllowersoftclock} lower the level by themselves (R10), as do
 * {@link Mutex#unlock} and, after a callback, the workers of queues.
 *
 * <p>A level belongs to its thread, as a signal mask does, and keeps no other thread out: pair it with a lock, or use
 * {@link Mutex}. A handler runs on the thread that has the level, at the handler's own level, in interrupt state: calls
 * of the library that sleep refuse. {@code Receiver} says where handlers run.
 *
 * <p>{@link #current()} looks in a thread-local; hot code keeps the object. The static methods and {@link #toString}
 * are for any thread, the others for the thread itself. Virtual threads have no level.
 *
 * @see <a href="https://man.netbsd.org/spl.9">spl(9)</a>
 */
@SuppressWarnings("ReferenceEquality") // threads and mutexes are compared by identity
public final class Spl {
    private static final AtomicInteger COUNT = new AtomicInteger();

    /** A cookie is the level before in these bits and the number of the Spl above them. */
    private static final int LEVEL_BITS = 4;

    private static final int LEVEL_MASK = (1 << LEVEL_BITS) - 1;

    /** kern.splassert. */
    private static final AtomicInteger KERN_SPLASSERT = new AtomicInteger(-1);

    private final Thread owner;
    private final int tag;
    private final Dispatcher dispatcher;
    private final Level level;
    private final HeldMutexes mutexes;

    private Spl(Dispatcher dispatcher) {
        this.owner = dispatcher.owner();
        this.tag = (COUNT.incrementAndGet() << LEVEL_BITS) & Integer.MAX_VALUE;
        this.dispatcher = dispatcher;
        this.level = dispatcher.level();
        this.mutexes = dispatcher.mutexes();
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
        Dispatcher dispatcher = Dispatchers.current();
        return dispatcher.spl instanceof Spl known ? known : attach(dispatcher);
    }

    private static Spl attach(Dispatcher dispatcher) {
        Spl made = new Spl(dispatcher);
        dispatcher.spl = made;
        return made;
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
        int old = level.rank();
        int wanted = ipl.rank();
        if (wanted > old) {
            level.enter(wanted);
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
        int now = level.rank();
        if ((cookie ^ tag) >>> LEVEL_BITS != 0 || old > now) {
            throw badCookie(cookie);
        }
        if (old < now) {
            if (old < mutexes.floor()) {
                throw belowMutex(old);
            }
            if (level.lowerWord(old)) {
                dispatcher.lowered(old);
            }
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
        if (dispatcher.inInterrupt() || mutexes.count() > 0) {
            throw new IllegalStateException(call + " on " + owner.getName() + " "
                    + (dispatcher.inInterrupt() ? "in an interrupt handler" : "with a spin mutex held")
                    + ": leave that first");
        }
        if (level.rank() > to) {
            dispatcher.lower(to);
        }
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
        if (level.rank() < ipl.rank()) {
            complain("splassert on " + owner.getName() + ": want " + ipl + ", have " + level());
        }
    }

    private static void complain(String message) {
        System.Logger log = System.getLogger(Spl.class.getName());
        switch (KERN_SPLASSERT.get()) {
            case 0 -> {}
            case 1 -> log.log(System.Logger.Level.WARNING, message);
            case 2, 3 -> log.log(System.Logger.Level.WARNING, message, new IllegalStateException(message));
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
        return Ipl.ofRank(level.rank());
    }

    /**
     * Whether the thread is in an interrupt handler.
     *
     * @return true in handlers of lines, soft or not
     */
    public boolean inInterrupt() {
        return dispatcher.inInterrupt();
    }

    /**
     * Whether the thread is in a handler of a level that is not one of the soft ones.
     *
     * @return true in handlers of hardware levels
     */
    public boolean inHardInterrupt() {
        return dispatcher.inHardInterrupt();
    }

    /**
     * How this thread masks signals.
     *
     * @return LAZY where libpercpu is loaded, unless {@code -Dpercpu.spl=eager}
     */
    public SplMode mode() {
        return level.isEager() ? SplMode.EAGER : SplMode.LAZY;
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
        if (level.rank() != 0) {
            throw new IllegalStateException("the mode of " + owner.getName() + " cannot change at " + level());
        }
        boolean lazy = mode == SplMode.LAZY && dispatcher.support().requireLibPercpu("LAZY") != null;
        level.setEager(!lazy);
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
        return dispatcher.poll();
    }

    private void requireOwner() {
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("the level of " + owner.getName() + " is not that of "
                    + Thread.currentThread().getName() + ": call Spl.current() on the thread itself");
        }
    }

    private IllegalStateException badCookie(int cookie) {
        int old = cookie & LEVEL_MASK;
        if ((cookie ^ tag) >>> LEVEL_BITS != 0 || old >= Rank.COUNT) {
            return new IllegalStateException(
                    "splx on " + owner.getName() + " with cookie 0x" + Integer.toHexString(cookie)
                            + ", which is of another thread or none at all: pass what this thread's raise returned");
        }
        return new IllegalStateException("splx on " + owner.getName() + " to " + Ipl.ofRank(old)
                + ", above the current level " + level() + ": splx only lowers; are the pairs nested?");
    }

    private IllegalStateException belowMutex(int to) {
        return new IllegalStateException("splx on " + owner.getName() + " to " + Ipl.ofRank(to) + ", below "
                + Ipl.ofRank(mutexes.floor()) + " of the spin mutexes held, the last of which is " + mutexes.last()
                + ": unlock first");
    }

    /** Thread and level. */
    @Override
    public String toString() {
        return dispatcher.toString();
    }
}
