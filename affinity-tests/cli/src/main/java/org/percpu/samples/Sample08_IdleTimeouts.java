// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.percpu.kernel.Kernel;
import org.percpu.openbsd.Timeout;

/**
 * A server that closes idle connections, with one timeout(9) for each.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp affinity-tests/cli/target/percpu-cli.jar org.percpu.samples.Sample08_IdleTimeouts
 * </pre>
 *
 * <p>It prints:
 *
 * <pre>
 * 100000 connections are open
 * 1000000 bytes came, and each moved the timeout of its connection
 * 10 silent connections were closed
 * 99990 timeouts were pending at the end
 * </pre>
 *
 * <p>A connection is its own timeout: the class extends {@code Timeout}, so there is no further object for it. Every byte adds the
 * timeout again, which replaces its time, allocates nothing and makes no system call. The function runs in a thread, because closing a
 * socket may block.
 */
public final class Sample08_IdleTimeouts {
    private static final int CONNECTIONS = 100_000;
    private static final int BYTES = 1_000_000;
    private static final int SILENT = 10;

    private Sample08_IdleTimeouts() {}

    private static final class Connection extends Timeout {
        Connection(Kernel kernel, Function<Connection> close) {
            super(kernel);
            setFlags(close, this, TIMEOUT_PROC | TIMEOUT_MPSAFE);
        }

        void received() {
            boolean fresh = addSec(60);
            assert !fresh;
        }
    }

    /**
     * Runs the sample.
     *
     * @param args none
     * @throws InterruptedException if it is interrupted
     */
    public static void main(String[] args) throws InterruptedException {
        try (Kernel kernel = Kernel.builder("server").build()) {
            CountDownLatch closed = new CountDownLatch(SILENT);
            AtomicInteger count = new AtomicInteger();
            List<Connection> connections = new ArrayList<>();
            for (int i = 0; i < CONNECTIONS; i++) {
                Connection connection = new Connection(kernel, silent -> {
                    count.incrementAndGet();
                    closed.countDown();
                });
                connection.addSec(60);
                connections.add(connection);
            }
            System.out.println(CONNECTIONS + " connections are open");
            for (int i = 0; i < BYTES; i++) {
                connections.get(i % CONNECTIONS).received();
            }
            System.out.println(BYTES + " bytes came, and each moved the timeout of its connection");
            // Nobody waits a minute for a sample: the last connections are silent for 20 ms.
            connections.subList(0, SILENT).forEach(connection -> connection.addMsec(20));
            closed.await();
            System.out.println(count + " silent connections were closed");
            long pending = connections.stream().filter(Connection::delBarrier).count();
            System.out.println(pending + " timeouts were pending at the end");
        }
    }
}
