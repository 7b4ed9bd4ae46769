// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.Queue;
import java.util.concurrent.ThreadFactory;
import org.agrona.concurrent.ManyToOneConcurrentArrayQueue;
import org.agrona.concurrent.OneToOneConcurrentArrayQueue;
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.MpscLinkedQueue;
import org.jctools.queues.MpscUnboundedArrayQueue;

/** A queue of Runnables that a thread polls without ever sleeping. */
final class PollingContender extends PayloadContender {
    /** Takes what is there and runs it; returns how many. */
    @FunctionalInterface
    private interface Drain {
        int drain();
    }

    private static final int CHUNK = 1024;

    private final Queue<Runnable> queue;
    private final Thread poller;
    private volatile boolean ending;

    private PollingContender(Setup setup, Queue<Runnable> queue, Drain drain) {
        super(setup);
        this.queue = queue;
        ThreadFactory threads = new PinnedThreads(setup.workerCpu());
        poller = threads.newThread(() -> poll(drain));
        poller.start();
    }

    static Contender agronaManyToOne(Setup setup) {
        ManyToOneConcurrentArrayQueue<Runnable> queue = new ManyToOneConcurrentArrayQueue<>(2 * Sink.RING);
        return new PollingContender(setup, queue, () -> queue.drain(Runnable::run));
    }

    static Contender agronaOneToOne(Setup setup) {
        OneToOneConcurrentArrayQueue<Runnable> queue = new OneToOneConcurrentArrayQueue<>(2 * Sink.RING);
        return new PollingContender(setup, queue, () -> queue.drain(Runnable::run));
    }

    static Contender jctoolsUnboundedArray(Setup setup) {
        return jctools(setup, new MpscUnboundedArrayQueue<>(CHUNK));
    }

    static Contender jctoolsLinked(Setup setup) {
        return jctools(setup, new MpscLinkedQueue<>());
    }

    private static <Q extends Queue<Runnable> & MessagePassingQueue<Runnable>> Contender jctools(Setup setup, Q queue) {
        return new PollingContender(setup, queue, () -> queue.drain(Runnable::run));
    }

    private void poll(Drain drain) {
        while (!ending) {
            if (drain.drain() == 0) {
                Thread.onSpinWait();
            }
        }
    }

    @Override
    void submit(int producer, int index) {
        boolean taken = queue.offer(items[producer][index]);
        if (!taken) {
            throw new IllegalStateException("a queue with room for everything in flight was full");
        }
    }

    @Override
    public void close() {
        ending = true;
        while (poller.isAlive()) {
            Thread.onSpinWait();
        }
    }
}
