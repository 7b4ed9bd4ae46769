// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import java.util.concurrent.CountDownLatch;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Kthread;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.thread.Pri;

/** Runs in a JVM of its own: leaves everything behind and returns from main. */
final class Abandoned {
    private Abandoned() {}

    public static void main(String[] none) {
        Fork.coverTheEnd();
        Kernel kernel = Kernel.system();
        CountDownLatch never = new CountDownLatch(1);
        CountDownLatch inside = new CountDownLatch(1);
        Taskq tq = Taskq.create(kernel, "busy", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        tq.add(Task.initializer(
                latch -> {
                    inside.countDown();
                    latch.await();
                },
                never));
        Bounded.arrive(inside);
        Workqueue<Work> wq = Workqueue.create(
                kernel, "stuck", (work, arg) -> never.await(), null, Pri.PRI_NONE, Ipl.NONE, Workqueue.WQ_PERCPU);
        wq.enqueue(new Work(), null);
        wq.enqueue(new Work(), null);
        Kthread.create(kernel, CountDownLatch::await, never, "stuck");
        System.out.println("main ends");
    }
}
