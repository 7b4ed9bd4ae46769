// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.ipl.InterruptLine;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.NativeWork;
import org.percpu.ipl.Spl;
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
final class Making implements Scenario {
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
    private @Nullable Fixture fixture;
    private int threads;
    private int queues;

    /** @param shared whether what it makes belongs to the kernel and stays */
    Making(Maker maker, boolean shared) {
        this.maker = maker;
        this.shared = shared;
    }

    @Override
    public void begin() throws Exception {
        Fixture made = new Fixture();
        fixture = made;
        // Everything that is made once for a process is made here.
        Made first = maker.make(made, NAME);
        use(first);
        Fixture.must(first::end);
        if (shared) {
            renew();
        }
        threads = made().kernel.lwps().size();
        queues = made().kernel.queues().size();
    }

    private Fixture made() {
        Fixture made = fixture;
        if (made == null) {
            throw new AssertionError("begin() comes first");
        }
        return made;
    }

    private void renew() {
        made().close();
        fixture = new Fixture();
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
        @Nullable String[] site = new String[1];
        Throwable thrown = Fixture.onFreshThread(() -> {
            Injector.arm(Thread.currentThread(), NAME, kind, n);
            try {
                made[0] = maker.make(made(), NAME);
            } finally {
                site[0] = Injector.disarm();
            }
        });
        if (thrown != null) {
            Fixture.require(Injector.isInjected(thrown) || thrown instanceof ErrnoException, "it threw " + thrown);
        } else {
            use(made[0]);
            Fixture.must(made[0]::end);
        }
        if (shared) {
            // The next call must make what this one could not.
            Made next = maker.make(made(), NAME);
            use(next);
            Fixture.must(next::end);
            renew();
            return site[0];
        }
        Fixture.await(
                "what is left: " + made().kernel.lwps() + ", " + made().kernel.queues(),
                () -> made().kernel.lwps().size() == threads
                        && made().kernel.queues().size() == queues);
        return site[0];
    }

    @Override
    public void end() {
        made().close();
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
        Spl receiver = fixture.kernel.interrupts(fixture.kernel.cpus().get(0));
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

    static Made handle(Fixture fixture, String name) {
        Workqueue<Job> wq = Workqueue.create(
                fixture.kernel, name, (job, none) -> job.done.run(), null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_MPSAFE);
        return new Made() {
            @Override
            public void use(Runnable done) {
                try (NativeWork posted = wq.nativeWork(new Job(done), null)) {
                    Fixture.require(posted.post(1) == 0, "pending");
                }
            }

            @Override
            public void end() {
                wq.drainAndDestroy();
            }
        };
    }
}
