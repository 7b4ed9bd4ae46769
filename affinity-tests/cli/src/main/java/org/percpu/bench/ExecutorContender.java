// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import io.netty.util.concurrent.DefaultEventExecutor;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Anything that runs preallocated Runnables. */
final class ExecutorContender extends PayloadContender {
    private final Executor executor;
    private final Runnable end;

    private ExecutorContender(Setup setup, Executor executor, Runnable end) {
        super(setup);
        this.executor = executor;
        this.end = end;
    }

    static Contender threadPool(Setup setup) {
        ExecutorService pool = new ThreadPoolExecutor(
                1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), new PinnedThreads(setup.workerCpu()));
        return new ExecutorContender(setup, pool, pool::shutdown);
    }

    static Contender forkJoin(Setup setup) {
        ForkJoinPool pool = new ForkJoinPool(1, new PinnedThreads(setup.workerCpu()), null, true);
        return new ExecutorContender(setup, pool, pool::shutdown);
    }

    /** By reflection: this is compiled for Java 17, which has no virtual threads. */
    static Contender virtualThreads(Setup setup) throws ReflectiveOperationException {
        ExecutorService pool;
        try {
            pool = (ExecutorService)
                    Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
        } catch (NoSuchMethodException e) {
            throw new NotHere(
                    "Java " + Runtime.version().feature() + " has no virtual threads: run with Java 21 or newer", e);
        }
        return new ExecutorContender(setup, pool, pool::shutdown);
    }

    static Contender netty(Setup setup) {
        DefaultEventExecutor executor = new DefaultEventExecutor(new PinnedThreads(setup.workerCpu()));
        return new ExecutorContender(setup, executor, () -> executor.shutdownGracefully(0, 0, TimeUnit.SECONDS)
                .syncUninterruptibly());
    }

    @Override
    void submit(int producer, int index) {
        executor.execute(items[producer][index]);
    }

    @Override
    public void close() {
        end.run();
    }
}
