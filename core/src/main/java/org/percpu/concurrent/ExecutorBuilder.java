// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.KernelCore;
import org.percpu.thread.Sched;

/**
 * What the builders of executors have in common.
 *
 * @param <B> the builder
 */
abstract class ExecutorBuilder<B extends ExecutorBuilder<B>> {
    final Kernel kernel;
    final String name;
    Sched sched = Sched.DEFAULT;
    Thread.@Nullable UncaughtExceptionHandler handler;
    DelayedTasks.Policy policy = DelayedTasks.Policy.DEFAULT;

    ExecutorBuilder(Kernel kernel, String name) {
        this.kernel = Argument.requireNonNull(kernel, "an executor", "kernel");
        this.name = Argument.requireNonNull(name, "an executor", "name");
        if (name.isEmpty()) {
            throw new ErrnoException(Errno.EINVAL, "an executor without a name: give it one for its threads");
        }
    }

    /** A copy, which does not change any more. */
    ExecutorBuilder(ExecutorBuilder<B> other) {
        this.kernel = other.kernel;
        this.name = other.name;
        this.sched = other.sched;
        this.handler = other.handler;
        this.policy = other.policy;
    }

    @SuppressWarnings("unchecked") // B is the class of this object
    private B self() {
        return (B) this;
    }

    /** Checks that a thread can be made here and now. */
    final void requireKernel() {
        KernelCore core = KernelCore.of(kernel);
        core.requireSleepable(name);
        core.requireOpen("executor " + name);
    }

    /**
     * The policy and priority of its threads.
     *
     * @param setting what to ask for; what happens when it is denied is the kernel's policy
     * @return this builder
     */
    public B sched(Sched setting) {
        this.sched = Argument.requireNonNull(setting, "executor " + name, "setting");
        return self();
    }

    /**
     * Who is told of exceptions that leave a task of {@code execute}.
     *
     * @param told called in the worker
     * @return this builder
     */
    public B uncaughtExceptionHandler(Thread.UncaughtExceptionHandler told) {
        this.handler = Argument.requireNonNull(told, "executor " + name, "told");
        return self();
    }

    /**
     * Whether tasks of {@code schedule} that wait for their time still run after a {@code shutdown}. They do unless
     * this says otherwise, as with a ScheduledThreadPoolExecutor. Then the executor ends when the last one has run.
     * Otherwise a shutdown cancels them.
     *
     * @param run whether they run
     * @return this builder
     */
    public B delayedTasksAfterShutdown(boolean run) {
        this.policy = new DelayedTasks.Policy(run, policy.periodicGoOn());
        return self();
    }

    /**
     * Whether periodic tasks go on after a {@code shutdown}. It cancels them unless this says otherwise, as with a
     * ScheduledThreadPoolExecutor. If they go on, the executor ends when they are cancelled or throw.
     *
     * @param goOn whether they go on
     * @return this builder
     */
    public B periodicTasksAfterShutdown(boolean goOn) {
        this.policy = new DelayedTasks.Policy(policy.delayedRun(), goOn);
        return self();
    }
}
