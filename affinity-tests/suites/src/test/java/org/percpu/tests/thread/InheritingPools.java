// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.logging.LogRecord;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.LoggedRecords;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Proc;
import org.percpu.thread.Affinity;
import org.percpu.thread.PoolThreads;

/**
 * A callback of a pinned worker, and one of a nice worker, are the first to use the JDK's pools after their threads have ended for
 * lack of work. Needs java.lang and java.util.concurrent open: the time-outs of 30 and 60 s cannot be set otherwise.
 */
final class InheritingPools {
    private static final boolean VIRTUAL = Runtime.version().feature() >= 21;
    private static final int TASKS = 8;
    private static final int NICE_PRIORITY = 40;

    private static final Set<Integer> USED = ConcurrentHashMap.newKeySet();

    private InheritingPools() {}

    private static ForkJoinPool carriers() throws ReflectiveOperationException {
        Field scheduler = Class.forName("java.lang.VirtualThread").getDeclaredField("DEFAULT_SCHEDULER");
        scheduler.setAccessible(true);
        return (ForkJoinPool) scheduler.get(null);
    }

    private static void endIdleThreadsSoon(ForkJoinPool pool) throws ReflectiveOperationException {
        Field keepAlive = ForkJoinPool.class.getDeclaredField("keepAlive");
        keepAlive.setAccessible(true);
        keepAlive.setLong(pool, 1);
    }

    /** Uses both pools, and waits until their threads had something to do. */
    private static void usePools() throws ReflectiveOperationException {
        int pools = VIRTUAL ? 2 : 1;
        CountDownLatch ran = new CountDownLatch(TASKS * pools);
        Runnable task = () -> {
            USED.add(Machine.linux().gettid());
            ran.countDown();
        };
        for (int i = 0; i < TASKS; i++) {
            ForkJoinPool.commonPool().execute(task);
            if (VIRTUAL) {
                assertThat(Thread.class
                                .getMethod("startVirtualThread", Runnable.class)
                                .invoke(null, task))
                        .isNotNull();
            }
        }
        Bounded.arrive(ran);
    }

    private static void poolsRunDry() throws ReflectiveOperationException {
        endIdleThreadsSoon(ForkJoinPool.commonPool());
        if (VIRTUAL) {
            endIdleThreadsSoon(carriers());
        }
        // A thread that waits already does so for the old time: work wakes it, then it waits for the new one.
        Bounded.until("the pools have no threads", () -> {
            if (Proc.namedLike("ForkJoinPool") == 0) {
                return true;
            }
            usePools();
            Thread.sleep(50);
            return Proc.namedLike("ForkJoinPool") == 0;
        });
        keepIdleThreads(ForkJoinPool.commonPool());
        if (VIRTUAL) {
            keepIdleThreads(carriers());
        }
        USED.clear();
    }

    private static void keepIdleThreads(ForkJoinPool pool) throws ReflectiveOperationException {
        Field keepAlive = ForkJoinPool.class.getDeclaredField("keepAlive");
        keepAlive.setAccessible(true);
        keepAlive.setLong(pool, Duration.ofMinutes(1).toMillis());
    }

    private static void inCallback(Kernel kernel, int priority, int flags, Cpu cpu, Bounded.Code code) {
        CountDownLatch done = new CountDownLatch(1);
        Workqueue<Work> wq = Workqueue.create(
                kernel,
                "maker",
                (work, arg) -> {
                    code.run();
                    done.countDown();
                },
                null,
                priority,
                Ipl.NONE,
                flags | Workqueue.WQ_MPSAFE);
        wq.enqueue(new Work(), cpu);
        Bounded.arrive(done);
        wq.destroy();
    }

    private static Set<Integer> poolThreads() {
        Set<Integer> threads = new HashSet<>(Proc.tids());
        threads.retainAll(USED);
        assertThat(threads).isNotEmpty();
        return threads;
    }

    public static void main(String[] args) throws Exception {
        Kernel blind = Kernel.builder("blind")
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .build();
        CpuSet all = Affinity.get(Machine.linux().getpid());
        Cpu last = blind.cpus().get(blind.cpus().size() - 1);
        CpuSet one = CpuSet.of(last.id());
        ExecutorService own = Executors.newSingleThreadExecutor(body -> {
            Thread thread = new Thread(body, "own");
            thread.setDaemon(true);
            return thread;
        });
        usePools();
        poolsRunDry();
        inCallback(blind, -1, Workqueue.WQ_PERCPU, last, () -> {
            usePools();
            own.submit(() -> {}).get();
        });
        assertThat(poolThreads()).anyMatch(tid -> Proc.allowed(tid).equals(one));
        List<LogRecord> lines;
        try (LoggedRecords log = new LoggedRecords(PoolThreads.class)) {
            // Its watch is on: it starts with the first thread.
            Kernel watched = Kernel.builder("watched").build();
            inCallback(watched, -1, 0, null, () -> {});
            Bounded.until("the pools' threads may run everywhere", () -> poolThreads().stream()
                    .allMatch(tid -> Proc.allowed(tid).equals(all)));
            poolsRunDry();
            inCallback(blind, NICE_PRIORITY, 0, null, InheritingPools::usePools);
            Bounded.until("they are as nice as the process", () -> poolThreads().stream()
                    .allMatch(tid -> Proc.nice(tid) == Proc.nice(Machine.linux().getpid())));
            lines = log.list();
            watched.close();
        }
        assertThat(lines).hasSize(1);
        int mine = Proc.tids().stream()
                .filter(tid -> Proc.comm(tid).equals("own"))
                .findFirst()
                .orElseThrow();
        assertThat(Proc.allowed(mine))
                .as("a thread that is not of the JDK's pools")
                .isEqualTo(one);
        System.out.println("freed");
        System.exit(0);
    }
}
