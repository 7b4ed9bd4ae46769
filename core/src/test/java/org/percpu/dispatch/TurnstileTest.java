// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class TurnstileTest {
    private static final int THREADS = 4;
    private static final int ROUNDS = 50_000;

    private static final class Lock extends Turnstile {
        private static final long serialVersionUID = 1L;

        private transient int entries;

        Lock(boolean fair) {
            super(fair);
        }

        /** Two steps, so that a second thread inside would be seen. */
        void count() {
            int before = entries;
            Thread.onSpinWait();
            entries = before + 1;
        }
    }

    private static List<FutureTask<Integer>> start(int threads, Callable<Integer> code) {
        List<FutureTask<Integer>> tasks = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            FutureTask<Integer> task = new FutureTask<>(code);
            tasks.add(task);
            Thread thread = new Thread(task, "turnstile" + i);
            thread.setDaemon(true);
            thread.start();
        }
        return tasks;
    }

    private static int sum(List<FutureTask<Integer>> tasks) throws Exception {
        int sum = 0;
        for (FutureTask<Integer> task : tasks) {
            sum += task.get(50, TimeUnit.SECONDS);
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void oneThreadIsInsideAtATimeAndNoneIsForgotten(boolean fair) throws Exception {
        Lock lock = new Lock(fair);
        int rounds = fair ? ROUNDS / 10 : ROUNDS;
        List<FutureTask<Integer>> tasks = start(THREADS, () -> {
            for (int i = 0; i < rounds; i++) {
                lock.enter();
                lock.count();
                lock.leave();
            }
            return rounds;
        });
        assertThat(sum(tasks)).isEqualTo(lock.entries);
        assertThat(lock.isAwaited()).isFalse();
        assertThat(lock.holder()).isNull();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void waitersWhoseTimeRunsOutOrWhoAreInterruptedTakeNobodysWakeUp(boolean fair) throws Exception {
        Lock lock = new Lock(fair);
        int rounds = ROUNDS / 10;
        List<FutureTask<Integer>> hasty = start(2, () -> {
            int entered = 0;
            for (int i = 0; i < rounds; i++) {
                if (i % 3 == 0) {
                    Thread.currentThread().interrupt();
                }
                try {
                    if (lock.enterWithin(i % 7 * 1_000L)) {
                        lock.count();
                        lock.leave();
                        entered++;
                    }
                } catch (InterruptedException e) {
                    assertThat(Thread.currentThread().isInterrupted()).isFalse();
                }
            }
            return entered;
        });
        List<FutureTask<Integer>> patient = start(2, () -> {
            for (int i = 0; i < rounds; i++) {
                lock.enter();
                lock.count();
                lock.leave();
            }
            return rounds;
        });
        assertThat(sum(patient) + sum(hasty)).isEqualTo(lock.entries);
        assertThat(lock.isAwaited()).isFalse();
    }
}
