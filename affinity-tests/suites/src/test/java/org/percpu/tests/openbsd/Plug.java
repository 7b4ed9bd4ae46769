// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import java.util.concurrent.CountDownLatch;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.KernelCore;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.Bounded;

/** Keeps one worker of a queue busy, with the kernel lock dropped, until it is pulled. */
final class Plug {
    private final Kernel kernel;
    private final CountDownLatch entered = new CountDownLatch(1);
    private final CountDownLatch pulled = new CountDownLatch(1);

    private Plug(Kernel kernel) {
        this.kernel = kernel;
    }

    static Plug in(Kernel kernel, Taskq tq) {
        Plug plug = new Plug(kernel);
        tq.add(Task.initializer(Plug::hold, plug));
        Bounded.arrive(plug.entered);
        return plug;
    }

    /** Adds a plug that has not started when this returns, if another one holds the worker. */
    static Plug behind(Kernel kernel, Taskq tq) {
        Plug plug = new Plug(kernel);
        tq.add(Task.initializer(Plug::hold, plug));
        return plug;
    }

    static Plug in(Kernel kernel, Workq wq) {
        Plug plug = new Plug(kernel);
        wq.queueTask(new WorkqTask(), 0, (self, none) -> self.hold(), plug, null);
        Bounded.arrive(plug.entered);
        return plug;
    }

    void awaitStart() {
        Bounded.arrive(entered);
    }

    private void hold() {
        KernelCore.of(kernel).unlocked("plug", () -> {
            entered.countDown();
            Bounded.arrive(pulled);
            return true;
        });
    }

    void pull() {
        pulled.countDown();
    }
}
