// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.kernel.WaitStrategy;

/** Everybody who is compared. */
public final class Lineup {
    /** workqueue(9), its worker never sleeps. */
    public static final String OURS_SPIN = "workqueue-spin";
    /** workqueue(9), its worker sleeps at once. */
    public static final String OURS_PARK = "workqueue-park";
    /** What is measured of percpu without a stream of items. */
    public static final String OURS_MICRO = "percpu-micro";

    /** Timers of percpu. */
    public static final String OURS_TIMER = "timer-callout";

    static final String TIMER_NETTY = "timer-netty";
    static final String TIMER_AGRONA = "timer-agrona";
    static final String TIMER_AGRONA_LOCKED = "timer-agrona-locked";
    static final String TIMER_STPE = "timer-scheduled-pool";
    static final String C_TIMER = "c-timer";
    static final String THREAD_POOL = "thread-pool";
    static final String JCTOOLS_ARRAY = "jctools-mpsc-array";
    static final String JCTOOLS_LINKED = "jctools-mpsc-linked";
    static final String OPENHFT = "openhft-affinity";
    static final String C_SPIN = "c-spin";
    static final String C_FUTEX = "c-futex";
    static final String C_MUTEX = "c-mutex";
    static final String C_MICRO = "c-micro";

    /** What is known of a contender before it runs. */
    enum Trait {
        OURS,
        /** A queue; otherwise calls that need no second CPU. */
        QUEUE,
        /** Its idle worker sleeps sooner or later. */
        SLEEPS,
        /** Takes items from one producer only. */
        ONE_PRODUCER,
        /** Written in C: native/reference. */
        C,
        /** Needs room for ten million items. */
        BIG,
        /** Arms and cancels timers. */
        TIMER
    }

    /**
     * One of them.
     *
     * @param id for {@code --only} and for tables
     * @param setting what was chosen for it
     * @param traits see there
     * @param maker null if it is not a queue in Java
     */
    public record Entry(String id, String setting, Set<Trait> traits, Contender.@Nullable Maker maker) {
        boolean is(Trait trait) {
            return traits.contains(trait);
        }

        /** Whether it is part of percpu. */
        public boolean ours() {
            return is(Trait.OURS);
        }
    }

    private Lineup() {}

    /**
     * All of them, ours first.
     *
     * @return in the order in which tables show them
     */
    public static List<Entry> all() {
        List<Entry> all = new ArrayList<>();
        add(
                all,
                OURS_SPIN,
                "Workqueue, WQ_PERCPU | WQ_MPSAFE, BUSY_SPIN",
                setup -> new WorkqueueContender(setup, WaitStrategy.BUSY_SPIN),
                Trait.OURS);
        add(
                all,
                OURS_PARK,
                "Workqueue, WQ_PERCPU | WQ_MPSAFE, PARK",
                setup -> new WorkqueueContender(setup, WaitStrategy.PARK),
                Trait.OURS,
                Trait.SLEEPS);
        add(
                all,
                "workqueue-spin-park",
                "Workqueue, WQ_PERCPU | WQ_MPSAFE, SPIN_THEN_PARK",
                setup -> new WorkqueueContender(setup, WaitStrategy.SPIN_THEN_PARK),
                Trait.OURS,
                Trait.SLEEPS);
        add(
                all,
                "taskq-spin",
                "Taskq, 1 thread, TASKQ_MPSAFE, BUSY_SPIN",
                setup -> new TaskqContender(setup, WaitStrategy.BUSY_SPIN),
                Trait.OURS);
        add(
                all,
                "taskq-park",
                "Taskq, 1 thread, TASKQ_MPSAFE, PARK",
                setup -> new TaskqContender(setup, WaitStrategy.PARK),
                Trait.OURS,
                Trait.SLEEPS);
        add(
                all,
                THREAD_POOL,
                "ThreadPoolExecutor(1, 1, LinkedBlockingQueue)",
                ExecutorContender::threadPool,
                Trait.SLEEPS);
        add(all, "fork-join", "ForkJoinPool(1, asyncMode)", ExecutorContender::forkJoin, Trait.SLEEPS);
        add(
                all,
                "virtual-threads",
                "newVirtualThreadPerTaskExecutor, 1 carrier, which cannot be pinned: it runs on any CPU",
                ExecutorContender::virtualThreads,
                Trait.SLEEPS);
        add(
                all,
                "disruptor-spin",
                "Disruptor, ProducerType.MULTI, BusySpinWaitStrategy, ring 131072",
                setup -> DisruptorContender.busySpin(setup));
        add(
                all,
                "disruptor-block",
                "Disruptor, ProducerType.MULTI, BlockingWaitStrategy, ring 131072",
                setup -> DisruptorContender.blocking(setup),
                Trait.SLEEPS);
        add(
                all,
                "agrona-many-to-one",
                "ManyToOneConcurrentArrayQueue(131072), drain, onSpinWait",
                PollingContender::agronaManyToOne);
        add(
                all,
                "agrona-one-to-one",
                "OneToOneConcurrentArrayQueue(131072), drain, onSpinWait",
                PollingContender::agronaOneToOne,
                Trait.ONE_PRODUCER);
        add(
                all,
                JCTOOLS_ARRAY,
                "MpscUnboundedArrayQueue(1024), drain, onSpinWait",
                PollingContender::jctoolsUnboundedArray);
        add(all, JCTOOLS_LINKED, "MpscLinkedQueue, drain, onSpinWait", PollingContender::jctoolsLinked);
        add(all, "netty", "DefaultEventExecutor", ExecutorContender::netty, Trait.SLEEPS);
        none(
                all,
                OURS_MICRO,
                "Affinity.set, Kernel.curcpuTableIndex, Workqueue with its workers held",
                Trait.OURS,
                Trait.BIG);
        none(all, OPENHFT, "Affinity.setAffinity(BitSet), Affinity.getCpu");
        none(all, C_SPIN, "lock-free list, the worker never sleeps", Trait.C, Trait.QUEUE);
        none(all, C_FUTEX, "lock-free list, futex doorbell", Trait.C, Trait.QUEUE);
        none(all, C_MUTEX, "as the kernel has it: mutex, condition variable, TAILQ", Trait.C, Trait.QUEUE);
        none(all, C_MICRO, "sched_setaffinity, sched_getcpu", Trait.C);
        none(all, OURS_TIMER, "Callout.schedule(ticks) and stop, clocks asleep", Trait.OURS, Trait.BIG, Trait.TIMER);
        none(all, TIMER_NETTY, "HashedWheelTimer(), newTimeout and cancel", Trait.BIG, Trait.TIMER);
        none(
                all,
                TIMER_AGRONA,
                "DeadlineTimerWheel(1 ms, 4096), scheduleTimer and cancelTimer, for one thread alone",
                Trait.BIG,
                Trait.TIMER);
        none(
                all,
                TIMER_AGRONA_LOCKED,
                "the same under a ReentrantLock, so that any thread may call",
                Trait.BIG,
                Trait.TIMER);
        none(
                all,
                TIMER_STPE,
                "ScheduledThreadPoolExecutor(1), removeOnCancel, schedule and cancel",
                Trait.BIG,
                Trait.TIMER);
        none(all, C_TIMER, "wheel of 4096 TAILQs under a pthread mutex", Trait.C, Trait.TIMER);
        return List.copyOf(all);
    }

    private static void add(List<Entry> all, String id, String setting, Contender.Maker maker, Trait... traits) {
        Set<Trait> set = EnumSet.of(Trait.QUEUE, traits);
        all.add(new Entry(id, setting, set, maker));
    }

    private static void none(List<Entry> all, String id, String setting, Trait... traits) {
        Set<Trait> set = EnumSet.noneOf(Trait.class);
        set.addAll(List.of(traits));
        all.add(new Entry(id, setting, set, null));
    }

    static Entry named(String id) {
        return all().stream()
                .filter(entry -> entry.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("there is no contender " + id));
    }
}
