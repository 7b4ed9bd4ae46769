// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.lang.reflect.Field;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.thread.Pri;

/**
 * Something with threads is made, and its maker or one of the new threads meets an error. It is there and works, or it was refused and
 * nothing of it is left; and in any case the next one can be made.
 */
final class Making extends OnKernel {
    /** What is made. */
    @FunctionalInterface
    interface Maker {
        /** Makes it, with threads of this name. */
        Made make(Fixture fixture, String name) throws Exception;
    }

    /** What was made. */
    interface Made {
        /** Has it do something, which ends with this. */
        void use(Runnable done) throws Exception;

        void end() throws Exception;
    }

    private static final String NAME = "mk";
    private static final long PATIENCE_SECONDS = 5;

    private final Maker maker;
    private final boolean shared;
    private int threads;
    private int queues;
    private boolean warm;

    /** @param shared whether what it makes belongs to the kernel and stays */
    Making(Maker maker, boolean shared) {
        this.maker = maker;
        this.shared = shared;
    }

    @Override
    void open(Fixture made) throws Exception {
        if (!warm) {
            // Everything that is made once for a process is made here.
            warm = true;
            Made first = maker.make(made, NAME);
            use(first);
            Fixture.must(first::end);
            if (shared) {
                renew();
            }
        }
        threads = fixture().kernel.lwps().size();
        queues = fixture().kernel.queues().size();
    }

    private void renew() throws Exception {
        end();
        begin();
    }

    private static void use(Made made) {
        CountDownLatch done = new CountDownLatch(1);
        Fixture.must(() -> made.use(done::countDown));
        try {
            Fixture.require(done.await(PATIENCE_SECONDS, TimeUnit.SECONDS), "what was made does not work");
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }

    @Override
    public @Nullable String round(Injector.Kind kind, int n) throws Exception {
        Made[] made = new Made[1];
        Armed armed = Armed.run(NAME, kind, n, () -> made[0] = maker.make(fixture(), NAME));
        if (armed.thrown() == null) {
            use(made[0]);
            Fixture.must(made[0]::end);
        }
        if (shared) {
            // The next call must make what this one could not.
            Made next = maker.make(fixture(), NAME);
            use(next);
            Fixture.require(hasHook(), "nothing looks after the kernel when the JVM ends");
            Fixture.must(next::end);
            renew();
            return armed.site();
        }
        Fixture.await("a watch is left", () -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().equals("pinwatch")));
        Fixture.await(
                "what is left: " + fixture().kernel.lwps() + ", "
                        + fixture().kernel.queues(),
                () -> fixture().kernel.lwps().size() == threads
                        && fixture().kernel.queues().size() == queues);
        return armed.site();
    }

    private static boolean hasHook() throws ReflectiveOperationException {
        Field hook = Class.forName("org.percpu.kernel.AtExit").getDeclaredField("hook");
        hook.setAccessible(true);
        return hook.get(null) != null;
    }

    static Made workqueue(Fixture fixture, String name) {
        Workqueue<Job> wq = Workqueue.create(
                fixture.kernel,
                name,
                (job, none) -> job.done.run(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        return new Made() {
            @Override
            public void use(Runnable done) {
                wq.enqueue(new Job(done), null);
            }

            @Override
            public void end() {
                wq.drainAndDestroy();
            }
        };
    }

    /** A work that carries what it does. */
    private static final class Job extends Work {
        private final Runnable done;

        Job(Runnable done) {
            this.done = done;
        }
    }

    static Made taskq(Fixture fixture, String name) {
        Taskq tq = Taskq.create(fixture.kernel, name, 2, Ipl.NONE, 0);
        return new Made() {
            @Override
            public void use(Runnable done) {
                Fixture.require(tq.add(Task.initializer(Runnable::run, done)), "pending");
            }

            @Override
            public void end() {
                tq.destroy();
            }
        };
    }

    static Made workq(Fixture fixture, String name) {
        Workq wq = Workq.create(fixture.kernel, name, 1, Ipl.NONE);
        return new Made() {
            @Override
            public void use(Runnable done) {
                Fixture.require(wq.addTask(0, (what, none) -> what.run(), done, null), "no entry");
            }

            @Override
            public void end() {
                wq.destroy();
            }
        };
    }

    static Made kthread(Fixture fixture, String name) {
        CountDownLatch go = new CountDownLatch(1);
        Runnable[] what = new Runnable[1];
        Kthread thread = Kthread.create(
                fixture.kernel,
                Pri.PRI_NONE,
                Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_MUSTJOIN | Kthread.KTHREAD_IDLE,
                null,
                none -> {
                    what[0].run();
                    go.countDown();
                },
                null,
                name);
        return new Made() {
            @Override
            public void use(Runnable done) {
                what[0] = done;
                thread.start();
            }

            @Override
            public void end() {
                thread.join();
            }
        };
    }

    static Made systq(Fixture fixture, String name) {
        Taskq tq = Taskq.systq(fixture.kernel);
        return new Made() {
            @Override
            public void use(Runnable done) {
                Fixture.require(tq.add(Task.initializer(Runnable::run, done)), "pending");
            }

            @Override
            public void end() {}
        };
    }

    static Made softint(Fixture fixture, String name) {
        Runnable[] what = new Runnable[1];
        Softint soft = Softint.establish(
                fixture.kernel, Softint.SOFTINT_NET | Softint.SOFTINT_MPSAFE, none -> what[0].run(), null);
        return new Made() {
            @Override
            public void use(Runnable done) {
                what[0] = done;
                soft.schedule();
            }

            @Override
            public void end() {
                soft.disestablish();
            }
        };
    }

    static Made line(Fixture fixture, String name) {
        Runnable[] what = new Runnable[1];
        Receiver receiver = fixture.kernel.interrupts(fixture.kernel.cpus().get(0));
        InterruptLine line = InterruptLine.establish(receiver, name, Ipl.VM, value -> what[0].run());
        return new Made() {
            @Override
            public void use(Runnable done) {
                what[0] = done;
                Fixture.require(line.trigger(), "pending");
            }

            @Override
            public void end() {
                line.close();
            }
        };
    }

    /** A kernel with a watch, which is one of the threads that its maker makes. */
    static Made kernel(Fixture fixture, String name) {
        Kernel kernel = Kernel.builder(name).followCpus(true).build();
        return new Made() {
            @Override
            public void use(Runnable done) {
                Fixture.require(Taskq.systq(kernel).add(Task.initializer(Runnable::run, done)), "pending");
            }

            @Override
            public void end() {
                kernel.close();
            }
        };
    }
}
