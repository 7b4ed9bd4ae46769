// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.intr.InterruptLine;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Deployment;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.thread.Pri;

/** An application that brings the library with it goes, and nothing of the library stays. */
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RedeployTest {
    private static final int ROUNDS = 3;
    private static final long CALLBACKS = 6;

    /** Uses everything that has a thread, and closes the kernel; whether the queues were destroyed before is the argument. */
    static final class Application implements Function<Object[], Object> {
        @Override
        public Object apply(Object[] arguments) {
            boolean tidy = arguments[0].equals("tidy");
            CountDownLatch ran = new CountDownLatch((int) CALLBACKS);
            Kernel kernel = Kernel.system();
            Workqueue<Work> wq = Workqueue.create(
                    kernel,
                    "app-wq",
                    (work, arg) -> ran.countDown(),
                    null,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    Workqueue.WQ_PERCPU);
            wq.enqueue(new Work(), kernel.cpus().get(0));
            Taskq tq = Taskq.create(kernel, "app-tq", 2, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            tq.add(Task.initializer(CountDownLatch::countDown, ran));
            boolean queued = Workq.syswq(kernel).addTask(0, (a, b) -> ran.countDown(), null, null);
            Softint softint = Softint.establish(kernel, Softint.SOFTINT_NET, CountDownLatch::countDown, ran);
            softint.schedule();
            Kthread thread = Kthread.create(
                    kernel,
                    Pri.PRI_NONE,
                    Kthread.KTHREAD_TS | Kthread.KTHREAD_MUSTJOIN,
                    null,
                    CountDownLatch::countDown,
                    ran,
                    "app-thread");
            InterruptLine line = InterruptLine.establish(
                    kernel.interrupts(kernel.cpus().get(0)), "app-line", Ipl.VM, value -> ran.countDown());
            boolean triggered = line.trigger(1);
            thread.join();
            try {
                ran.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            if (tidy) {
                line.close();
                softint.disestablish();
                tq.destroy();
                wq.destroy();
            }
            kernel.close();
            return queued && triggered ? CALLBACKS : 0L;
        }
    }

    /** Deploys it again and again. */
    static final class Redeployed {
        private Redeployed() {}

        public static void main(String[] args) {
            boolean collectable = args[0].equals("collectable");
            for (int round = 0; round < ROUNDS; round++) {
                for (String how : new String[] {"tidy", "untidy"}) {
                    List<WeakReference<ClassLoader>> loader = new ArrayList<>();
                    Bounded.run("deployed", () -> {
                        Set<Thread> before =
                                new HashSet<>(Thread.getAllStackTraces().keySet());
                        try (Deployment copy = new Deployment(Application.class)) {
                            assertThat(copy.number(how)).isEqualTo(CALLBACKS);
                            loader.add(new WeakReference<>(copy.loader()));
                        }
                        Set<Thread> after =
                                new HashSet<>(Thread.getAllStackTraces().keySet());
                        after.removeAll(before);
                        assertThat(after)
                                .noneMatch(thread -> thread.getName().startsWith("app-")
                                        || thread.getName().startsWith("intr/")
                                        || thread.getName().startsWith("percpu")
                                        || thread.getName().startsWith("pinwatch")
                                        || thread.getName().startsWith("soft")
                                        || thread.getName().startsWith("syswq"));
                    });
                    if (collectable) {
                        Bounded.until("the loader is collected", () -> {
                            System.gc();
                            return loader.get(0).get() == null;
                        });
                    }
                }
            }
            System.out.println("gone each time");
        }
    }

    @Test
    @DisplayName(
            "a closed system kernel leaves no thread, and its class loader, which is closed at once, is collected; nothing misses a class")
    void theLoaderIsCollected() {
        boolean collectable = Machine.linux().backend().equals("ffm");
        if (!collectable) {
            System.out.println("not looked at: whether the loader is collected. JNA itself keeps it");
        }
        assertThat(Fork.of(Redeployed.class)
                        // The JDK has soft references to the methods of records.
                        .option("-XX:SoftRefLRUPolicyMSPerMB=0")
                        .argument(collectable ? "collectable" : "kept")
                        .run())
                .contains("gone each time")
                .doesNotContain("NoClassDefFoundError", "Exception in thread");
    }

    /** Uses the system kernel and leaves it open. */
    static final class Careless implements Function<Object[], Object> {
        @Override
        public Object apply(Object[] arguments) {
            CountDownLatch ran = new CountDownLatch(1);
            Taskq tq = Taskq.create(Kernel.system(), "app-tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            tq.add(Task.initializer(CountDownLatch::countDown, ran));
            try {
                ran.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            return 1L;
        }
    }

    /** Closes the class loader and not the kernel. */
    static final class Abandoned {
        private Abandoned() {}

        public static void main(String[] args) {
            try (Deployment copy = new Deployment(Careless.class)) {
                assertThat(copy.number()).isEqualTo(1);
            }
        }
    }

    @Test
    @DisplayName(
            "a system kernel whose class loader was closed first says so at the end of the JVM, in a line and with the right order")
    void anAbandonedKernelIsTold() {
        assertThat(Fork.of(Abandoned.class).run())
                .contains("kernel system could not be shut down at exit", "close the kernel, then the class loader")
                .doesNotContain("Exception in thread");
    }
}
