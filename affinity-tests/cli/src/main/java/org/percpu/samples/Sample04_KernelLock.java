// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.samples;

import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Kthread;
import org.percpu.thread.Pri;

/**
 * What the kernel lock protects, and where it does not.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp affinity-tests/cli/target/percpu-cli.jar org.percpu.samples.Sample04_KernelLock
 * </pre>
 *
 * <p>It prints:
 *
 * <pre>
 * sleeper: balance is 100, going to sleep
 * other: runs under the lock while the sleeper sleeps, takes 60
 * sleeper: awake under the lock again, balance is 40
 * </pre>
 *
 * <p>Neither thread is MPSAFE, so each holds the kernel lock from its first statement on and they never run at once. But a sleep
 * drops the lock: what the sleeper knew before, it must look at again. That is the rule that code under the big lock most often
 * breaks.
 */
public final class Sample04_KernelLock {
    private static final int FLAGS = Kthread.KTHREAD_TS | Kthread.KTHREAD_MUSTJOIN;

    private int balance = 100; // under the kernel lock

    private Sample04_KernelLock() {}

    /**
     * Runs the sample.
     *
     * @param args none
     */
    public static void main(String[] args) {
        try (Kernel kernel = Kernel.builder("sample").build()) {
            Sample04_KernelLock account = new Sample04_KernelLock();
            // Joining is a sleep too: main holds the lock before it and behind it, and the threads have it meanwhile.
            kernel.lock().lock();
            Kthread sleeper =
                    Kthread.create(kernel, Pri.PRI_NONE, FLAGS, null, any -> account.sleeper(kernel), null, "sleeper");
            sleeper.join();
            kernel.lock().unlock();
        }
    }

    private void sleeper(Kernel kernel) {
        System.out.println("sleeper: balance is " + balance + ", going to sleep");
        Kthread other = Kthread.create(kernel, Pri.PRI_NONE, FLAGS, null, any -> other(), null, "other");
        // The other thread exists and waits for the lock. Joining it is a sleep.
        other.join();
        System.out.println("sleeper: awake under the lock again, balance is " + balance);
        throw Kthread.exit(0);
    }

    private void other() {
        System.out.println("other: runs under the lock while the sleeper sleeps, takes 60");
        balance -= 60;
        throw Kthread.exit(0);
    }
}
