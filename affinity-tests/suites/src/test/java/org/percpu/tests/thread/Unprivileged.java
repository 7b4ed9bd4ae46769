// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.tests.support.Refusal;
import org.percpu.thread.CpuThread;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;

/** What a user without privileges gets; with an argument, one whose RLIMIT_RTPRIO is that number. */
final class Unprivileged {
    private static final CountDownLatch END = new CountDownLatch(1);

    private Unprivileged() {}

    public static void main(String[] args) {
        assertThat(Machine.linux().geteuid()).isNotZero();
        if (args.length > 0) {
            upTo(Integer.parseInt(args[0]));
        } else {
            nothing();
        }
        END.countDown();
    }

    private static CpuThread start(Sched sched, RealtimePolicy policy) {
        return CpuThread.builder("unprivileged")
                .cpus(CpuSet.of(CpuTopology.system().allowed().last()))
                .sched(sched)
                .realtimePolicy(policy)
                .start(() -> Bounded.arrive(END));
    }

    private static void nothing() {
        CpuThread prefer = start(Sched.rr(18), RealtimePolicy.PREFER);
        assertThat(prefer.state().pinned()).isTrue();
        assertThat(Proc.sched(prefer.tid())).isEqualTo(Sched.DEFAULT);
        assertThat(prefer.state().schedAsked()).isEqualTo(Sched.rr(18));
        assertThat(prefer.state().denial()).contains("EPERM", "RLIMIT_RTPRIO");

        long threads = Proc.named("unprivileged");
        Refusal.byLinux(Errno.EPERM, () -> start(Sched.fifo(5), RealtimePolicy.REQUIRE))
                .contains("RLIMIT_RTPRIO", "CAP_SYS_NICE", "SCHED_FIFO 5", "limits.conf");
        Bounded.until("the refused thread is gone", () -> Proc.named("unprivileged") == threads);

        CpuThread never = start(Sched.rr(18), RealtimePolicy.NEVER);
        assertThat(Proc.sched(never.tid())).isEqualTo(Sched.DEFAULT);

        CpuThread nicer = start(Sched.other(10), RealtimePolicy.PREFER);
        assertThat(Proc.nice(nicer.tid())).isEqualTo(10);
        assertThat(nicer.state().denial()).isNull();
        CpuThread urgent = start(Sched.other(-1), RealtimePolicy.PREFER);
        assertThat(Proc.nice(urgent.tid())).isZero();
        assertThat(urgent.state().denial()).contains("nice", "RLIMIT_NICE");
        System.out.println("prefer, require, never and nice are as promised");
    }

    private static void upTo(int limit) {
        CpuThread granted = start(Sched.fifo(limit), RealtimePolicy.REQUIRE);
        assertThat(Proc.sched(granted.tid())).isEqualTo(Sched.fifo(limit));
        Refusal.byLinux(Errno.EPERM, () -> start(Sched.fifo(limit + 1), RealtimePolicy.REQUIRE))
                .contains("at least " + (limit + 1), "now " + limit);
        System.out.println("granted up to " + limit);
    }
}
