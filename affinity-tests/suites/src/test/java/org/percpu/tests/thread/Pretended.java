// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.CpuSet;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Refusal;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;

/** Pins in a sandbox where sched_setaffinity(2) reports success and does nothing; the argument is the mask it really has. */
final class Pretended {
    /** A thread that was believed by chance would be on the right CPU in some of these. */
    private static final int TRIES = 1_000;

    private Pretended() {}

    public static void main(String[] args) {
        CpuSet real = CpuSet.parse(args[0]);
        CpuSet other = CpuSet.parse(args[1]);
        assertThat(Affinity.get()).isEqualTo(real);
        Bounded.run("pretended", () -> {
            Affinity.set(real);
            for (int i = 0; i < TRIES; i++) {
                for (int cpu : other) {
                    Refusal.byLinux(Errno.EINVAL, () -> Affinity.set(CpuSet.of(cpu)))
                            .contains("{" + cpu + "}", "the thread has {" + real + "}");
                }
                Affinity.set(real);
            }
        });
        Refusal.byLinux(Errno.EINVAL, () -> CpuThread.builder("pretended")
                .cpus(CpuSet.of(other.first()))
                .start(() -> {}));
        System.out.println("found out");
    }
}
