// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.concurrent.CountDownLatch;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.tests.support.NamedWork;
import org.percpu.thread.Pri;

/** A program of which a work hangs, and two task queues wait in each other's barrier. It ends when its input does. */
final class StuckProgram {
    private StuckProgram() {}

    static void hang() {
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits until the caller of the program closes its input. */
    public static void main(String[] args) throws Exception {
        Kernel kernel = Kernel.builder("wild \u001b[31mname").timing(true).build();
        Workqueue<NamedWork> wq = Workqueue.create(
                kernel,
                "hangs",
                (work, arg) -> hang(),
                null,
                Pri.PRI_NONE,
                Ipl.NONE,
                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
        wq.enqueue(new NamedWork("stuck \u001b[31m<work>"), kernel.cpus().get(0));
        wq.enqueue(new NamedWork("waits"), kernel.cpus().get(0));
        Taskq one = Taskq.create(kernel, "one", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        Taskq two = Taskq.create(kernel, "two", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        CountDownLatch both = new CountDownLatch(2);
        one.add(Task.initializer(queue -> wait(both, queue), two));
        two.add(Task.initializer(queue -> wait(both, queue), one));
        System.out.println("ready");
        int unused = System.in.read();
        Runtime.getRuntime().halt(0);
    }

    private static void wait(CountDownLatch both, Taskq other) throws InterruptedException {
        both.countDown();
        both.await();
        other.barrier();
    }
}
