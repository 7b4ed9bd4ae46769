// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Errno;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Autoconf;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** What is missing is named, and so is what a message is about. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@SuppressWarnings("NullAway") // on purpose
class ArgumentsAndNamesTest {
    private static final class Packet extends Work {}

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private Map<ThrowingCallable, String> nulls(Kernel kernel, Workqueue<Work> wq, Taskq tq, Workq workq) {
        Map<ThrowingCallable, String> calls = new LinkedHashMap<>();
        calls.put(() -> wq.enqueue(null, null), "wk");
        calls.put(() -> wq.waitFor(null), "wk");
        calls.put(() -> wq.nativeWork(null, null), "wk");
        calls.put(() -> wq.drainAndDestroy(null), "atMost");
        calls.put(() -> Workqueue.create(null, "n", (w, a) -> {}, null, -1, Ipl.NONE, 0), "kernel");
        calls.put(() -> Workqueue.create(kernel, null, (w, a) -> {}, null, -1, Ipl.NONE, 0), "name");
        calls.put(() -> Workqueue.create(kernel, "n", null, null, -1, Ipl.NONE, 0), "func");
        calls.put(() -> Workqueue.create(kernel, "n", (w, a) -> {}, null, -1, null, 0), "ipl");
        calls.put(() -> Kthread.create(null, -1, 0, null, a -> {}, null, "n"), "kernel");
        calls.put(() -> Kthread.create(kernel, -1, 0, null, null, null, "n"), "func");
        calls.put(() -> Kthread.create(kernel, -1, 0, null, a -> {}, null, null), "fmt");
        calls.put(() -> Kthread.create(kernel, -1, 0, null, a -> {}, null, "n", (Object[]) null), "args");
        calls.put(() -> Softint.establish(null, 0, a -> {}, null), "kernel");
        calls.put(() -> Softint.establish(kernel, 0, null, null), "fun");
        calls.put(() -> tq.add(null), "task");
        calls.put(() -> tq.del(null), "task");
        calls.put(() -> tq.delBarrier(null), "task");
        calls.put(() -> tq.nativeTask(null), "task");
        calls.put(() -> tq.drainAndDestroy(null), "atMost");
        calls.put(() -> Taskq.create(null, "n", 1, Ipl.NONE, 0), "kernel");
        calls.put(() -> Taskq.create(kernel, null, 1, Ipl.NONE, 0), "name");
        calls.put(() -> Taskq.create(kernel, "n", 1, null, 0), "ipl");
        calls.put(() -> Taskq.systq(null), "kernel");
        calls.put(() -> Taskq.systqmp(null), "kernel");
        calls.put(() -> Task.initializer(null, null), "fn");
        calls.put(() -> Workq.create(null, "n", 1, Ipl.NONE), "kernel");
        calls.put(() -> Workq.create(kernel, null, 1, Ipl.NONE), "name");
        calls.put(() -> Workq.create(kernel, "n", 1, null), "ipl");
        calls.put(() -> Workq.syswq(null), "kernel");
        calls.put(() -> workq.addTask(0, null, null, null), "func");
        calls.put(() -> workq.queueTask(null, 0, (a, b) -> {}, null, null), "wqt");
        calls.put(() -> workq.queueTask(new WorkqTask(), 0, null, null, null), "func");
        calls.put(() -> workq.nativeTask(null, (a, b) -> {}, null, null), "wqt");
        calls.put(() -> workq.drainAndDestroy(null), "atMost");
        calls.put(() -> org.percpu.openbsd.Kthread.create(null, a -> {}, null, "n"), "kernel");
        calls.put(() -> org.percpu.openbsd.Kthread.create(kernel, null, null, "n"), "func");
        calls.put(() -> org.percpu.openbsd.Kthread.create(kernel, a -> {}, null, null), "name");
        calls.put(() -> org.percpu.openbsd.Kthread.createDeferred(null, a -> {}, null), "kernel");
        calls.put(() -> Autoconf.configure(null, List.of()), "kernel");
        calls.put(() -> Autoconf.configure(kernel, null), "attach");
        calls.put(() -> kernel.shutdown(null), "drainAtMost");
        calls.put(() -> kernel.drainAtExit(null), "atMost");
        calls.put(() -> kernel.whenWarm(null), "callback");
        calls.put(() -> kernel.interrupts(null), "cpu");
        calls.put(() -> kernel.sleepq().wakeup(null), "ident");
        calls.put(() -> kernel.sleepq().tsleep(null, "w", 1), "ident");
        calls.put(() -> kernel.sleepq().tsleep(this, null, 1), "wmesg");
        calls.put(() -> kernel.sleepq().mtsleep(this, "w", 1, null, true), "mutex");
        calls.put(() -> new Condvar(null, "w"), "kernel");
        calls.put(() -> new Condvar(kernel, null), "wmesg");
        calls.put(() -> new Condvar(kernel, "w").await(null), "interlock");
        calls.put(() -> new Condvar(kernel, "w").await(new ReentrantLock(), 1, (TimeUnit) null), "unit");
        calls.put(() -> Kernel.builder(null), "name");
        calls.put(() -> Kernel.builder("k").cpus(null), "set");
        calls.put(() -> Kernel.builder("k").pinPolicy(null), "policy");
        calls.put(() -> Kernel.builder("k").realtimePolicy(null), "policy");
        calls.put(() -> Kernel.builder("k").waitStrategy(null), "strategy");
        calls.put(() -> Kernel.builder("k").faultHandler(null), "handler");
        calls.put(() -> Kernel.builder("k").console(null), "output");
        calls.put(() -> Kernel.builder("k").pinWatch(null), "period");
        return calls;
    }

    @Test
    @DisplayName("a null argument is EINVAL with the name of the argument, wherever it is given, and changes nothing")
    void nullIsEinval() {
        Kernel kernel = test.get();
        Workqueue<Work> wq = test.workqueue("wq", 0, (work, arg) -> {});
        Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, 0);
        Workq workq = Workq.create(kernel, "workq", 1, Ipl.NONE);
        nulls(kernel, wq, tq, workq)
                .forEach((call, argument) -> Refusal.of(Errno.EINVAL, call).contains(argument + " is null"));
        assertThat(kernel.isClosed()).isFalse();
        wq.destroy();
        tq.destroy();
        workq.destroy();
    }

    @Test
    @DisplayName(
            "works and tasks without a name of their own are named by their class or their function, never by a number")
    void itemsHaveNames() {
        assertThat(new Work()).hasToString("work");
        assertThat(new Packet()).hasToString("work ArgumentsAndNamesTest.Packet");
        assertThat(Task.initializer(arg -> {}, null)).hasToString("task ArgumentsAndNamesTest lambda");
        assertThat(new Task()).hasToString("task");
        assertThat(new WorkqTask()).hasToString("workq task");
        Taskq tq = Taskq.create(test.get(), "tq", 1, Ipl.NONE, 0);
        Refusal.of(Errno.EINVAL, () -> tq.add(new Task())).contains("task_add of task on tq");
        tq.destroy();
    }

    @Test
    @DisplayName(
            "the remedy of a refusal by a system queue at IPI is a queue of one's own; that of a queue's destroy names its page")
    void remediesCanBeFollowed() {
        Kernel kernel = test.get();
        Taskq systq = Taskq.systq(kernel);
        Workq workq = Workq.create(kernel, "workq", 1, Ipl.NONE);
        Bounded.run("at a level", () -> {
            Spl spl = Spl.current();
            int s = spl.splraise(Ipl.IPI);
            Refusal.of(Errno.EPERM, () -> systq.add(Task.initializer(arg -> {}, null)))
                    .contains("create a queue of your own with IPI");
            Refusal.of(Errno.EPERM, workq::destroy).contains("wqdestroy").doesNotContain("tqdestroy");
            spl.splx(s);
        });
        Taskq own = Taskq.create(kernel, "own", 1, Ipl.IPI, 0);
        Bounded.run("at the level", () -> {
            Spl spl = Spl.current();
            int s = spl.splraise(Ipl.IPI);
            assertThat(own.add(Task.initializer(arg -> {}, null))).isTrue();
            spl.splx(s);
        });
        own.destroy();
        workq.destroy();
    }

    @Test
    @DisplayName("the number in a kthread's name has the digits of every locale's readers: 0 to 9")
    void namesDoNotFollowTheLocale() {
        Locale before = Locale.getDefault();
        Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
        try {
            Kthread thread = Kthread.create(
                    test.get(),
                    Pri.PRI_NONE,
                    Kthread.KTHREAD_MPSAFE | Kthread.KTHREAD_TS | Kthread.KTHREAD_MUSTJOIN,
                    null,
                    arg -> {},
                    null,
                    "poll%d",
                    17);
            assertThat(thread.name()).isEqualTo("poll17");
            thread.join();
        } finally {
            Locale.setDefault(before);
        }
    }
}
