// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Callout;

/**
 * A timer that is moved, stopped and repeated, with callout(9).
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp affinity-tests/cli/target/percpu-cli.jar org.percpu.samples.Sample07_Callout
 * </pre>
 *
 * <p>It prints:
 *
 * <pre>
 * pending: true
 * stopped, pending: false
 * tick 1
 * tick 2
 * tick 3
 * halted, none early: true
 * </pre>
 *
 * <p>The first callout is what a protocol does for each packet: it schedules the retransmission, which replaces the time of the one
 * before, and stops it at the acknowledgement. The second one is a period: each call schedules the next from the moment for which it
 * was scheduled itself, so that the period does not drift however late a call is.
 */
public final class Sample07_Callout {
    private static final Duration PERIOD = Duration.ofMillis(10);
    private static final int TICKS = 3;

    private Sample07_Callout() {}

    /**
     * Runs the sample.
     *
     * @param args none
     * @throws InterruptedException if it is interrupted
     */
    public static void main(String[] args) throws InterruptedException {
        try (Kernel kernel = Kernel.builder("sample").build()) {
            Callout retransmit = new Callout(kernel, Callout.CALLOUT_MPSAFE);
            retransmit.setfunc(packet -> System.out.println("sent again: " + packet), "packet 1");
            retransmit.schedule(Duration.ofSeconds(60));
            retransmit.schedule(Duration.ofSeconds(90));
            System.out.println("pending: " + retransmit.pending());
            retransmit.stop();
            System.out.println("stopped, pending: " + retransmit.pending());

            CountDownLatch ticks = new CountDownLatch(TICKS);
            Callout clock = new Callout(kernel, Callout.CALLOUT_MPSAFE);
            clock.setfunc(
                    left -> {
                        if (left.getCount() > 0) {
                            System.out.println("tick " + (TICKS + 1 - left.getCount()));
                        }
                        clock.scheduleNext(PERIOD);
                        left.countDown();
                    },
                    ticks);
            long begin = System.nanoTime();
            clock.schedule(PERIOD);
            ticks.await();
            clock.halt(null);
            boolean noneEarly = System.nanoTime() - begin >= TICKS * PERIOD.toNanos();
            System.out.println("halted, none early: " + noneEarly);
        }
    }
}
