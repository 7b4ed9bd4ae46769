// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import java.util.concurrent.CountDownLatch;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;

/**
 * Coalesce, take back and wait for tasks of task_add(9).
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp affinity-tests/cli/target/percpu-cli.jar org.percpu.samples.Sample03_TaskqDelBarrier
 * </pre>
 *
 * <p>It prints:
 *
 * <pre>
 * add: true, add again: false
 * del: true, del again: false
 * link state checked
 * barrier passed
 * delBarrier: false
 * </pre>
 *
 * <p>The queue's one thread is held up by a first task, so that the second stays queued and all answers are certain: a queued task is
 * not queued twice, and a deleted one does not run. The barrier returns when everything added before it has run. The last call finds
 * the task neither queued nor running: from there on its owner may forget it.
 */
public final class Sample03_TaskqDelBarrier {
    private Sample03_TaskqDelBarrier() {}

    /**
     * Runs the sample.
     *
     * @param args none
     */
    public static void main(String[] args) {
        Taskq tq = Taskq.create(Kernel.system(), "sample", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
        CountDownLatch go = new CountDownLatch(1);
        Task first = Task.initializer(CountDownLatch::await, go);
        Task link = Task.initializer(System.out::println, "link state checked");

        tq.add(first);
        System.out.println("add: " + tq.add(link) + ", add again: " + tq.add(link));
        System.out.println("del: " + tq.del(link) + ", del again: " + tq.del(link));

        tq.add(link);
        go.countDown();
        tq.barrier();
        System.out.println("barrier passed");
        System.out.println("delBarrier: " + tq.delBarrier(link));
        tq.destroy();
    }
}
