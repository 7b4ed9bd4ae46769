// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.thread.Pri;

/**
 * A server that hangs, and how to find out why without touching it.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp affinity-tests/cli/target/percpu-cli.jar org.percpu.samples.Sample09_FindTheStall
 * </pre>
 *
 * <p>Each connection becomes a work on the CPU that its number chooses. A work answers at once. The seventh one also
 * looks into a table that needs the kernel lock. Every two seconds a task reloads that table, under the kernel lock, and
 * does something that takes far too long: that is the fault. Run it, give it a second, and look at it from another
 * terminal; it prints its number.
 *
 * <pre>
 * $ percpu top --once PID
 * kernel server of process 32491: CPUs [0, 1], kernel lock held by reload, stalls 3
 * queue       tid  cpu  policy              pin   depth  runs/s  wait p50  ...  runs now                       waits for
 * answer/0  32544    0  SCHED_OTHER nice 0  0        23       0     352ms  ...  request 308 for 1.22s          the kernel lock, ...
 * answer/1  32545    1  SCHED_OTHER nice 0  1        19       0     201ms  ...  request 315 for 954ms          the kernel lock, ...
 * reload    32546    1  SCHED_OTHER nice 0  none      0       0     393us  ...  reload of the table for 1.38s  the disk
 * </pre>
 *
 * <p>Requests gather on both CPUs, and each worker is in a request that waits for the kernel lock. Who has the lock stands
 * in the first line: {@code reload}. What that thread does all the time, its stack tells:
 *
 * <pre>
 * $ percpu dump PID
 * ...
 * thread reload tid 32546 LSSLEEP, waits for the disk
 *     at java.base/java.util.concurrent.locks.LockSupport.parkNanos(LockSupport.java:252)
 *     at org.percpu.samples.Sample09_FindTheStall.slowDisk(Sample09_FindTheStall.java:99)
 *     at org.percpu.samples.Sample09_FindTheStall.reload(Sample09_FindTheStall.java:95)
 * </pre>
 *
 * <p>The server itself has printed the same on its console, one second after the lock was taken.
 *
 * <p>The picture shows how it comes about, again and again:
 *
 * <pre>
 * $ percpu trace org.percpu.samples.Sample09_FindTheStall 6
 * Sample09_FindTheStall.html: ...
 * </pre>
 *
 * <p>In the row of the kernel lock stands a long box of {@code reload}. At the same time a hatched box lies in the rows of
 * {@code answer/0} and {@code answer/1}: a request that waits for that lock. The arrows of the requests that came meanwhile
 * all end behind it.
 *
 * <p>The mend: read the disk in {@code kernel.sleeping}, which drops the lock, or leave the lock out
 * ({@code TASKQ_MPSAFE}) and publish a new table.
 */
public final class Sample09_FindTheStall {
    private static final long RELOAD_TAKES_NANOS = 1_500_000_000L;
    private static final int SEVENTH = 7;

    private Sample09_FindTheStall() {}

    /** A connection, as a work. */
    private static final class Request extends Work {
        private final int number;
        private final Socket socket;

        Request(int number, Socket socket) {
            this.number = number;
            this.socket = socket;
        }

        @Override
        public String toString() {
            return "request " + number;
        }
    }

    /** The task that holds everybody up. */
    private static final class Reload extends Task {
        @Override
        public String toString() {
            return "reload of the table";
        }
    }

    private static void answer(Request request, Kernel kernel) throws IOException {
        if (request.number % SEVENTH == 0) {
            kernel.lock().lock();
            kernel.lock().unlock();
        }
        try (Socket socket = request.socket) {
            socket.getOutputStream().write('.');
        }
    }

    private static void reload(Kernel unused) {
        // Not MPSAFE: the kernel lock is held here.
        slowDisk();
    }

    private static void slowDisk() {
        LockSupport.parkNanos("the disk", RELOAD_TAKES_NANOS);
    }

    private static void client(int port) {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            int unused = socket.getInputStream().read();
        } catch (IOException e) {
            // The server ends.
        }
    }

    /**
     * Serves for some seconds.
     *
     * @param args how many seconds; 60 unless given
     * @throws IOException if it cannot listen
     */
    public static void main(String[] args) throws IOException {
        long seconds = args.length > 0 ? Long.parseLong(args[0]) : 60;
        try (Kernel kernel = Kernel.builder("server")
                        .timing(true)
                        .stallAfter(Duration.ofSeconds(1))
                        .build();
                ServerSocket server = new ServerSocket(0, 1024, InetAddress.getLoopbackAddress())) {
            Workqueue<Request> answers = Workqueue.create(
                    kernel,
                    "answer",
                    Sample09_FindTheStall::answer,
                    kernel,
                    Pri.PRI_NONE,
                    Ipl.NONE,
                    Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
            Taskq reloads = Taskq.create(kernel, "reload", 1, Ipl.NONE, 0);
            Task reload = new Reload();
            reload.set(Sample09_FindTheStall::reload, kernel);
            System.out.println("process " + ProcessHandle.current().pid() + " serves for " + seconds
                    + " s: look at it with percpu top, percpu dump");
            long end = System.nanoTime() + seconds * 1_000_000_000;
            for (int number = 1; System.nanoTime() < end; number++) {
                Thread client = new Thread(() -> client(server.getLocalPort()), "client");
                client.setDaemon(true);
                client.start();
                Request request = new Request(number, server.accept());
                answers.enqueue(
                        request, kernel.cpus().get(number % kernel.cpus().size()));
                if (number % 100 == 1) {
                    boolean unused = reloads.add(reload);
                }
                LockSupport.parkNanos(20_000_000);
            }
            reloads.drainAndDestroy();
            answers.drainAndDestroy();
        }
    }
}
