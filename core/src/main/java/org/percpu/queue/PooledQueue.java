// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.percpu.cpu.Cpu;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.WorkerState;
import org.percpu.lwp.Deadline;
import org.percpu.lwp.Reports;

/**
 * A serial queue without a thread of its own: the thread of a {@link WorkerPool} runs it in turns. A turn runs a batch,
 * and goes on with the next batch unless another queue waits for its turn. While the queue has nothing to run, its
 * inbox has the marker "parked". The push that replaces the marker asks for a turn.
 *
 * <p>The state says who may act as the queue's worker. The thread does so in a turn. A thread that ends the queue does
 * so for a moment, if the queue is idle. So the end of an idle queue does not wait for the thread, which may be stuck
 * in a callback of another queue.
 */
public final class PooledQueue extends SerialQueue {
    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(PooledQueue.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final int IDLE = 0;
    private static final int IN_TURN = 1;
    private static final int ENDED = 2;

    private final boolean mpsafe;
    private final PoolBell bell;
    private final Turn turn = new Turn(this, this::takeTurn);
    private volatile @Nullable PoolThread thread;

    @SuppressWarnings("UnusedVariable") // by STATE
    private volatile int state = IDLE;

    // Only the thread uses these fields.
    private boolean ran; // a batch in this turn
    private boolean listens; // to C code

    /**
     * Makes a queue without a thread.
     *
     * @param kernel whose lock and policies it uses
     * @param name of the queue
     * @param call how to run an item
     * @param mpsafe false if callbacks run under the kernel lock
     */
    public PooledQueue(Kernel kernel, String name, Call call, boolean mpsafe) {
        this(kernel, name, call, mpsafe, new PoolBell());
    }

    private PooledQueue(Kernel kernel, String name, Call call, boolean mpsafe, PoolBell bell) {
        super(kernel, name, call, mpsafe, new NativeDoor(bell));
        this.mpsafe = mpsafe;
        this.bell = bell;
        boolean parked = inbox.park();
        assert parked;
    }

    /**
     * Takes the thread of a CPU, which is made if no other queue has it.
     *
     * @param pool of the kernel and the priority
     * @param cpu a CPU of the kernel
     */
    public void join(WorkerPool pool, Cpu cpu) {
        PoolThread joined = pool.join(this, cpu);
        worker.shares(joined.worker);
        bell.connect(joined, turn);
        thread = joined;
    }

    // ---- in the thread

    /** Runs what waits here, if no thread ends this queue right now. */
    void takeTurn() {
        PoolThread mine = thread;
        if (mine == null) {
            return;
        }
        // A push that found the turn pending relies on this one. The turn has been released, and from here on the
        // thread looks what there is.
        VarHandle.fullFence();
        try {
            if (mpsafe) {
                runTurn();
                return;
            }
            core.lock().lock();
            try {
                runTurn();
            } finally {
                while (core.lock().isHeld()) {
                    core.lock().unlock();
                }
            }
        } catch (Throwable t) {
            // No calls in this block: there may be no stack for a call.
            mine.poolDoor.again = true;
            throw t;
        }
    }

    private void runTurn() {
        if (STATE.compareAndSet(this, IDLE, IN_TURN)) {
            try {
                ran = false;
                worker.clock(System.nanoTime());
                work(worker);
            } finally {
                endTurn();
            }
        }
        settle();
    }

    /** Takes what waits, and does not sleep: returns null at the end of the turn. */
    @Override
    @Nullable
    Item takeBatch(Worker me) {
        PoolThread mine = thread;
        if (dropping || mine == null || (ran && mine.hasMore())) {
            return null;
        }
        if (!listens && door.inbox != null) {
            mine.poolDoor.listen(this);
            listens = true;
        }
        door.take();
        ran = true;
        Item newest = take();
        if (newest == null && closing && pushIsDue()) {
            awaitPush();
        }
        return newest;
    }

    private void endTurn() {
        worker.idle();
        if (!dropping) {
            // No marker if something has come: settle() looks.
            boolean unused = inbox.park();
        }
        STATE.setVolatile(this, IDLE);
    }

    // ---- in any thread

    /**
     * Called after the state has changed. Ends the queue if it must end and nothing is left. Otherwise, if the queue has
     * something to do, asks for a turn.
     */
    private void settle() {
        if ((closing || dropping) && STATE.compareAndSet(this, IDLE, IN_TURN)) {
            boolean ends = false;
            try {
                ends = dropping || closeInboxes();
            } finally {
                STATE.setVolatile(this, ends ? ENDED : IDLE);
            }
        }
        if ((int) STATE.getVolatile(this) == ENDED) {
            leavePool();
        } else if (!inbox.isEmpty() || wasPosted()) {
            doorbell.ring();
        }
    }

    /** Whether C code has posted something, or has left a queue that ends. Works that wait for their time push or ring. */
    boolean wasPosted() {
        return door.hasPosted() || (closing && !door.isBusy() && delays().isEmpty());
    }

    /** May be called any number of times. Whoever sees the end also sees whether the thread ends with it. */
    private void leavePool() {
        PoolThread mine = thread;
        if (mine != null) {
            mine.leave(this);
        }
        worker.ends();
        workerLeft(worker);
        waiters.wakeAll();
    }

    @Override
    public void close() {
        super.close();
        settle();
    }

    @Override
    void stop(boolean interrupt) {
        super.stop(interrupt);
        settle();
    }

    @Override
    void takeBack(Deadline grace) {
        super.takeBack(grace);
        settle();
    }

    /**
     * A callback of one queue may end another queue of the same thread, if nothing is left on it. If an enqueue leaves a
     * work there meanwhile, the thread cannot run that work, because it is inside the callback that waits for the end.
     * So the caller runs the work.
     */
    @Override
    boolean awaitEnd(Deadline deadline) {
        if (!ended() && needsCaller()) {
            boolean interrupted = Thread.interrupted();
            Void unused = core.<@Nullable Void, RuntimeException>unlocked(name(), () -> {
                while (!ended() && !deadline.isOver()) {
                    takeTurn();
                    if (!ended()) {
                        LockSupport.parkNanos(this, NativeDoor.LOOK_NANOS);
                    }
                }
                return null;
            });
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        return super.awaitEnd(deadline);
    }

    /** The thread goes on if other queues share it. */
    @Override
    void awaitThreads(Deadline deadline) {
        PoolThread mine = thread;
        if (mine != null && mine.closing) {
            mine.awaitThreads(deadline);
        }
    }

    @Override
    public boolean isWorker() {
        return worker.isBusy() && worker.isCurrentThread();
    }

    /** While works wait for their turn, the state names the callback of another queue that has the thread. */
    @Override
    public @Nullable WorkerState state() {
        WorkerState state = super.state();
        if (state == null || state.running() != null || worker.isBusy()) {
            return state;
        }
        PoolThread mine = thread;
        PooledQueue other = state.pending() == 0 || mine == null ? null : mine.inTurn();
        String waitsFor = '"' + name() + '"';
        if (other != null && other != this) {
            Item item = other.worker.running();
            waitsFor = "the thread, which is in " + (item == null ? "a callback" : Reports.nameOf(item)) + " of \""
                    + other.name() + '"';
        }
        return new WorkerState(
                state.queue(),
                state.thread(),
                state.pending(),
                state.executed(),
                state.faults(),
                state.longestRunNanos(),
                null,
                0,
                waitsFor);
    }
}
