// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.scarce;

import java.util.concurrent.CountDownLatch;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.thread.Pri;

/** What makes threads, and how to see that what it made works. */
enum Maker {
    WORKQUEUE("worker") {
        @Override
        int threads(Kernel kernel) {
            return kernel.cpus().size();
        }

        @Override
        void makeUseAndEnd(Kernel kernel) {
            CountDownLatch ran = new CountDownLatch(threads(kernel));
            Workqueue<Work> wq = Workqueue.create(
                    kernel, NAME, (work, arg) -> ran.countDown(), null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_PERCPU);
            kernel.cpus().forEach(cpu -> wq.enqueue(new Work(), cpu));
            wq.drainAndDestroy();
            Bounded.arrive(ran);
        }
    },
    TASKQ("thread") {
        @Override
        int threads(Kernel kernel) {
            return THREADS;
        }

        @Override
        void makeUseAndEnd(Kernel kernel) {
            CountDownLatch ran = new CountDownLatch(1);
            Taskq tq = Taskq.create(kernel, NAME, THREADS, Ipl.NONE, 0);
            tq.add(Task.initializer(CountDownLatch::countDown, ran));
            tq.destroy();
            Bounded.arrive(ran);
        }
    },
    WORKQ("thread") {
        @Override
        int threads(Kernel kernel) {
            return THREADS;
        }

        @Override
        void makeUseAndEnd(Kernel kernel) {
            CountDownLatch ran = new CountDownLatch(1);
            Workq wq = Workq.create(kernel, NAME, THREADS, Ipl.NONE);
            boolean added = wq.addTask(0, (latch, none) -> latch.countDown(), ran, null);
            assert added;
            wq.destroy();
            Bounded.arrive(ran);
        }
    },
    NETBSD_KTHREAD("thread") {
        @Override
        int threads(Kernel kernel) {
            return 1;
        }

        @Override
        void makeUseAndEnd(Kernel kernel) {
            CountDownLatch ran = new CountDownLatch(1);
            org.percpu.netbsd.Kthread.create(
                            kernel,
                            Pri.PRI_NONE,
                            org.percpu.netbsd.Kthread.KTHREAD_MUSTJOIN,
                            null,
                            latch -> {
                                latch.countDown();
                                throw org.percpu.netbsd.Kthread.exit(0);
                            },
                            ran,
                            NAME)
                    .join();
            Bounded.arrive(ran);
        }
    },
    OPENBSD_KTHREAD("thread") {
        @Override
        int threads(Kernel kernel) {
            return 1;
        }

        @Override
        void makeUseAndEnd(Kernel kernel) {
            CountDownLatch ran = new CountDownLatch(1);
            org.percpu.openbsd.Kthread.create(
                    kernel,
                    latch -> {
                        latch.countDown();
                        throw org.percpu.openbsd.Kthread.exit(0);
                    },
                    ran,
                    NAME);
            Bounded.arrive(ran);
        }
    };

    static final String NAME = "scarce";
    private static final int THREADS = 3;

    private final String word;

    Maker(String word) {
        this.word = word;
    }

    /** How many threads one creation makes. */
    abstract int threads(Kernel kernel);

    /** Creates it, has it run something once on each queue it has, and puts it away. */
    abstract void makeUseAndEnd(Kernel kernel);

    /** What a message says of the k-th thread, counted from 1, that was not to be had; of a single one, its name. */
    String missing(Kernel kernel, int k) {
        int threads = threads(kernel);
        return threads == 1 ? NAME : word + " " + k + " of " + threads;
    }
}
