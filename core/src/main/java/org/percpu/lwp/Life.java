// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.dispatch.Sleep;

/** The life of one kernel thread: idle, running, in its exit until it is joined, dead. Steps wake those who wait. */
final class Life {
    enum Stage {
        IDLE,
        RUNNING,
        EXITING,
        DEAD
    }

    private final WaitChannel changed = new WaitChannel();

    /** Written by the thread when it begins. */
    volatile @Nullable Thread thread;

    // Guarded by `changed`.
    private Stage stage = Stage.IDLE;

    private boolean joined;
    private boolean destroyed;

    Stage stage() {
        synchronized (changed) {
            return stage;
        }
    }

    boolean isDestroyed() {
        synchronized (changed) {
            return destroyed;
        }
    }

    boolean isJoined() {
        synchronized (changed) {
            return joined;
        }
    }

    /**
     * Leaves the idle stage, if the thread is in it. One of two racing callers wins.
     *
     * @throws ErrnoException EBUSY or ESRCH if the thread is in another stage
     */
    void leaveIdle(Stage next, String what, String name) {
        synchronized (changed) {
            if (stage != Stage.IDLE) {
                throw new ErrnoException(
                        destroyed ? Errno.ESRCH : Errno.EBUSY,
                        what + " of kthread " + name + ", which "
                                + (destroyed ? "was destroyed" : "was started already")
                                + ": only a thread made IDLE can be started or destroyed, once");
            }
            stage = next;
            destroyed = next == Stage.DEAD;
        }
        wakeInAnyCase();
    }

    /** True if the thread never ran and now never will. */
    boolean destroyIfIdle() {
        synchronized (changed) {
            if (stage != Stage.IDLE) {
                return false;
            }
            stage = Stage.DEAD;
            destroyed = true;
        }
        wakeInAnyCase();
        return true;
    }

    /** The step cannot be taken back: the thread is being told of it. */
    private void wakeInAnyCase() {
        try {
            changed.wakeAll();
        } catch (Throwable t) {
            changed.wakeAll();
        }
    }

    /** The thread has ended its function and waits to be joined. */
    void exits() {
        synchronized (changed) {
            stage = Stage.EXITING;
        }
        changed.wakeAll();
    }

    /** The thread runs no more code of the library. */
    void ends() {
        synchronized (changed) {
            stage = Stage.DEAD;
        }
        changed.wakeAll();
    }

    /** The caller is to look again: something that is not in here has changed. */
    void look() {
        changed.wakeAll();
    }

    /**
     * Marks the thread as joined.
     *
     * @param cold whether the kernel runs no threads yet
     * @param closed whether the kernel is closed
     * @throws ErrnoException EINVAL if the join would wait for ever, ESRCH if the thread was joined or destroyed before
     */
    void join(boolean cold, boolean closed, String name) {
        synchronized (changed) {
            if (stage == Stage.IDLE && cold) {
                throw new ErrnoException(
                        Errno.EINVAL,
                        "join of kthread " + name
                                + " in a cold kernel: nothing runs before it is warm, the join would wait for ever; call"
                                + " Kernel.warm first");
            }
            if (joined || (stage == Stage.DEAD && !closed)) {
                throw joinedBefore(name);
            }
            joined = true;
        }
        boolean told = false;
        try {
            changed.wakeAll();
            told = true;
        } finally {
            if (!told) {
                abandonJoin();
            }
        }
    }

    /** The joiner has met an error. The next join waits instead, unless the thread has seen this one and exits. */
    void abandonJoin() {
        synchronized (changed) {
            joined &= stage != Stage.IDLE && stage != Stage.RUNNING;
        }
    }

    /**
     * Takes a join back whose time is over. A thread in its exit has seen the join. Then the join waits for the thread,
     * which takes a moment, and this is false.
     */
    boolean giveUpJoin() {
        synchronized (changed) {
            if (stage == Stage.IDLE || stage == Stage.RUNNING) {
                joined = false;
                return true;
            }
        }
        awaitDead(Deadline.after(Deadline.FOREVER));
        return false;
    }

    static ErrnoException joinedBefore(String name) {
        return new ErrnoException(
                Errno.ESRCH, "join of kthread " + name + ", which was joined before, or destroyed without a start");
    }

    /** Waits until the thread leaves the idle stage; true if it is to run. */
    boolean awaitStart() {
        boolean left = becomes(() -> stage != Stage.IDLE, Deadline.after(Deadline.FOREVER));
        assert left;
        return stage() == Stage.RUNNING;
    }

    /** Waits until the thread is joined, or the kernel is closed. */
    void awaitJoin(BooleanSupplier closed) {
        boolean arrived = becomes(() -> joined || closed.getAsBoolean(), Deadline.after(Deadline.FOREVER));
        assert arrived;
    }

    boolean awaitDead(Deadline deadline) {
        Awaiting.begin(this::threads);
        try {
            return becomes(() -> stage == Stage.DEAD, deadline);
        } finally {
            Awaiting.end();
        }
    }

    private List<Thread> threads() {
        Thread known = thread;
        return known == null ? List.of() : List.of(known);
    }

    /** Sleeps, holding no lock, until the condition is true; false if the time ran out. */
    private boolean becomes(BooleanSupplier condition, Deadline deadline) {
        while (true) {
            Sleep sleep;
            long left = deadline.left().toNanos();
            synchronized (changed) {
                if (condition.getAsBoolean()) {
                    return true;
                }
                if (left == 0) {
                    return false;
                }
                sleep = changed.enter();
            }
            boolean inTime = changed.await(sleep, left);
            assert inTime || !deadline.left().equals(Deadline.FOREVER);
        }
    }
}
