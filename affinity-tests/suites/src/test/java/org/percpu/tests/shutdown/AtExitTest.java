// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Rule;

/** Works that were accepted do not vanish without a word when the JVM ends. */
@Timeout(value = 240, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class AtExitTest {
    private static final int TASKS = 10;

    /** Adds ten tasks to a kernel and returns from main while the first one waits for that. */
    static final class Leaves {
        private Leaves() {}

        public static void main(String[] args) {
            Fork.coverTheEnd();
            Kernel kernel = args[0].equals("system")
                    ? Kernel.system()
                    : Kernel.builder("by hand").build();
            if (args[0].equals("drained")) {
                kernel.drainAtExit(Duration.ofSeconds(30));
            }
            Thread main = Thread.currentThread();
            CountDownLatch never = new CountDownLatch(1);
            Taskq tq = Taskq.create(kernel, "net", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            CountDownLatch inside = new CountDownLatch(1);
            tq.add(Task.initializer(
                    arg -> {
                        inside.countDown();
                        if (args[1].equals("stuck")) {
                            never.await();
                        }
                        main.join();
                        System.out.println("ran first");
                    },
                    null));
            Bounded.arrive(inside);
            for (int i = 1; i < TASKS; i++) {
                int number = i;
                tq.add(Task.initializer(arg -> System.out.println("ran " + number), null));
            }
            if (args[1].equals("closed")) {
                tq.add(Task.initializer(arg -> System.out.println("closing"), null));
                new Thread(kernel::close).start();
            }
        }
    }

    @Test
    @Rule("G24")
    @DisplayName("G24: what is queued on the system kernel when main returns is run before the JVM ends")
    void theSystemKernelIsDrained() {
        String output =
                Fork.of(Leaves.class).argument("system").argument("busy").run();
        assertThat(output).contains("ran first");
        for (int i = 1; i < TASKS; i++) {
            assertThat(output).contains("ran " + i);
        }
        assertThat(output).doesNotContain("never");
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "G24: when the time that -Dpercpu.drainAtExit gives is over, what never ran is printed, and what is stuck")
    void whatNeverRanIsPrinted() {
        long start = System.nanoTime();
        String output = Fork.of(Leaves.class)
                .option("-Dpercpu.drainAtExit=0.2")
                .argument("system")
                .argument("stuck")
                .run();
        assertThat(output.lines().filter(line -> line.contains("never run")))
                .as(output)
                .singleElement()
                .asString()
                .contains(TASKS - 1 + " x task AtExitTest.Leaves lambda of queue net were never run");
        assertThat(output)
                .contains("kernel system at exit", "task AtExitTest.Leaves lambda of queue net was interrupted");
        assertThat(millis(output)).isGreaterThanOrEqualTo(200);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(60));
    }

    /** The time that passed, by the message. */
    private static long millis(String output) {
        Matcher after = Pattern.compile("at exit, after (\\d+) ms: ").matcher(output);
        assertThat(after.find()).as(output).isTrue();
        return Long.parseLong(after.group(1));
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "G24: a kernel built by hand that was not closed says at the end of the JVM how many works never run, and what to do")
    void aKernelByHandSaysWhatItHeld() {
        String output =
                Fork.of(Leaves.class).argument("by hand").argument("stuck").run();
        assertThat(output)
                .contains(
                        "kernel by hand was not closed",
                        TASKS - 1 + " on queue net",
                        "cut off in the middle: task AtExitTest.Leaves lambda on queue net",
                        "Close the kernel",
                        "drainAtExit");
    }

    @Test
    @Rule("G24")
    @DisplayName("the remedies of that message help: such a kernel is drained at exit if it is asked to, or closed")
    void itsRemediesHelp() {
        String drained =
                Fork.of(Leaves.class).argument("drained").argument("busy").run();
        assertThat(drained).contains("ran first", "ran " + (TASKS - 1)).doesNotContain("kernel by hand");
        String closed =
                Fork.of(Leaves.class).argument("by hand").argument("closed").run();
        assertThat(closed)
                .contains("ran first", "ran " + (TASKS - 1), "closing")
                .doesNotContain("was not closed");
    }

    /** A callback ends the JVM, with works behind it and on another queue. */
    static final class ExitsInside {
        private ExitsInside() {}

        public static void main(String[] args) {
            Fork.coverTheEnd();
            Kernel kernel = Kernel.system();
            kernel.drainAtExit(Duration.ofDays(Integer.parseInt(args[0])));
            Taskq exits = Taskq.create(kernel, "exits", 1, Ipl.NONE, 0);
            Taskq other = Taskq.create(kernel, "other", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
            CountDownLatch go = new CountDownLatch(1);
            exits.add(Task.initializer(
                    arg -> {
                        go.await();
                        System.exit(0);
                    },
                    null));
            exits.add(Task.initializer(arg -> System.out.println("behind"), null));
            other.add(Task.initializer(
                    arg -> {
                        go.countDown();
                        while (AtExitTest.exiting() == null) {
                            Thread.onSpinWait();
                        }
                    },
                    null));
            other.add(Task.initializer(arg -> System.out.println("ran on the other queue"), null));
        }
    }

    /** The thread that has called System.exit. */
    private static Thread exiting() {
        for (Map.Entry<Thread, StackTraceElement[]> thread :
                Thread.getAllStackTraces().entrySet()) {
            for (StackTraceElement frame : thread.getValue()) {
                if (frame.getMethodName().equals("exit") && frame.getClassName().equals("java.lang.Runtime")) {
                    return thread.getKey();
                }
            }
        }
        return null;
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "G24: System.exit in a callback ends the JVM within the bound, however long the drain may take; other queues are drained,"
                    + " and what is behind the callback is named")
    void exitInACallbackEnds() {
        for (String days : new String[] {"0", "1"}) {
            long start = System.nanoTime();
            String output = Fork.of(ExitsInside.class).argument(days).run();
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(60));
            assertThat(output)
                    .contains(
                            "kernel system at exit",
                            "was never run",
                            "still runs",
                            "of queue exits",
                            "java.lang.System.exit")
                    .doesNotContain("behind");
            if (days.equals("1")) {
                assertThat(output).contains("ran on the other queue");
            }
        }
    }

    /** A task of a system queue, which has the kernel lock, ends the JVM; idle workers wait for that lock. */
    static final class ExitsInSystemQueue {
        private ExitsInSystemQueue() {}

        public static void main(String[] args) {
            Fork.coverTheEnd();
            Kernel kernel = Kernel.system();
            Taskq used = Taskq.create(kernel, "used", 2, Ipl.NONE, 0);
            Workq other = Workq.create(kernel, "other", 1, Ipl.NONE);
            CountDownLatch ran = new CountDownLatch(2);
            used.add(Task.initializer(arg -> ran.countDown(), null));
            other.addTask(0, (one, two) -> ran.countDown(), null, null);
            Bounded.arrive(ran);
            CountDownLatch added = new CountDownLatch(1);
            if (args[0].equals("systq")) {
                Taskq.systq(kernel).add(Task.initializer(arg -> exit(added), null));
                Taskq.systq(kernel).add(Task.initializer(arg -> System.out.println("behind"), null));
            } else {
                Workq.syswq(kernel).addTask(0, (one, two) -> exit(added), null, null);
                Workq.syswq(kernel).addTask(0, (one, two) -> System.out.println("behind"), null, null);
            }
            added.countDown();
        }

        private static void exit(CountDownLatch added) {
            Bounded.arrive(added);
            System.exit(0);
        }
    }

    @Test
    @Rule("G24")
    @DisplayName(
            "G24: System.exit in a task of systq or of the system workqueue, with the kernel lock, does not wait the whole bound")
    void exitInASystemQueueEndsSoon() {
        for (String queue : new String[] {"systq", "syswq"}) {
            String output = Fork.of(ExitsInSystemQueue.class).argument(queue).run();
            assertThat(output).contains(" of queue " + queue + " was never run", "still runs", "java.lang.System.exit");
            assertThat(output).doesNotContain("behind");
            assertThat(millis(output)).isLessThan(4_000);
        }
    }

    /** A system kernel with a property that makes no sense. */
    static final class Malformed {
        private Malformed() {}

        public static void main(String[] args) {
            try {
                System.out.println(Kernel.system());
            } catch (IllegalArgumentException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    @Test
    @DisplayName("a percpu.drainAtExit that is no number of seconds is refused with what to write")
    void aMalformedBoundIsRefused() {
        assertThat(Fork.of(Malformed.class).option("-Dpercpu.drainAtExit=soon").run())
                .contains("-Dpercpu.drainAtExit=soon", "write such as -Dpercpu.drainAtExit=5");
    }
}
