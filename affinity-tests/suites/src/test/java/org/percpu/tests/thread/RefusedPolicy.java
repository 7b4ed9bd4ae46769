// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.tests.support.Bounded;
import org.percpu.thread.CpuThread;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;
import org.percpu.thread.ThreadState;

/** Starts one thread where the system refuses something, and prints what is said of it. Arguments: the policy, real-time priority, nice. */
final class RefusedPolicy {
    private RefusedPolicy() {}

    public static void main(String[] args) {
        int priority = Integer.parseInt(args[1]);
        Sched asked = priority > 0 ? Sched.rr(priority) : Sched.other(Integer.parseInt(args[2]));
        CountDownLatch end = new CountDownLatch(1);
        try {
            CpuThread thread = CpuThread.builder("refused")
                    .sched(asked)
                    .realtimePolicy(RealtimePolicy.valueOf(args[0]))
                    .start(() -> Bounded.arrive(end));
            ThreadState state = thread.state();
            System.out.println("has " + state.sched());
            System.out.println("denial " + state.denial());
            System.out.println("warning " + state.warning());
            end.countDown();
            Bounded.until("it ends", () -> !thread.thread().isAlive());
            assertThat(thread.state().denial()).isEqualTo(state.denial());
        } catch (LinuxException e) {
            System.out.println("failed " + e.getMessage());
        }
    }
}
