// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.shutdown;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Append;
import org.percpu.queue.Call;
import org.percpu.queue.Ending;
import org.percpu.queue.Item;
import org.percpu.queue.ItemQueue;
import org.percpu.queue.SerialQueue;
import org.percpu.queue.SharedQueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Sched;

/** A post that finds its item claimed, and not yet in the queue, relies on the run to come; the queue does not close before. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ClaimAtCloseTest {
    private static final EnumSet<Lwp.Flag> MPSAFE = EnumSet.of(Lwp.Flag.MPSAFE);

    @RegisterExtension
    final TestKernel test = new TestKernel();

    /** An enqueuer can be held up between the claim and the push. */
    private static final class Held extends Item {
        final CountDownLatch claimed = new CountDownLatch(1);
        final CountDownLatch goOn = new CountDownLatch(1);

        @Override
        protected void carry(@Nullable Object func, @Nullable Object arg1, @Nullable Object arg2) {
            claimed.countDown();
            Bounded.arrive(goOn);
        }
    }

    enum Kind {
        SERIAL {
            @Override
            ItemQueue start(Kernel kernel, Call call) {
                SerialQueue queue = new SerialQueue(kernel, "claim", call, true);
                queue.start(kernel.thread("claim", null, Sched.DEFAULT), MPSAFE);
                return queue;
            }
        },
        SHARED {
            @Override
            ItemQueue start(Kernel kernel, Call call) {
                SharedQueue queue = new SharedQueue(kernel, "claim", () -> call, true, false);
                queue.start(kernel.thread("claim", null, Sched.DEFAULT), MPSAFE);
                return queue;
            }
        };

        abstract ItemQueue start(Kernel kernel, Call call);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "A post that was accepted is run, though a thread that had claimed its item pushes it only after the queue began to close")
    void aPostRunsThoughItsItemWasClaimedAtTheClose(Kind kind) throws Exception {
        Machine.needsLinux("posts go through native memory");
        List<Long> values = new CopyOnWriteArrayList<>();
        List<NativeWork> handle = new ArrayList<>();
        Call call = new Call() {
            @Override
            public void load(Item item) {}

            @Override
            public void invoke(Item item) {
                handle.get(0).drain(values::add);
            }
        };
        ItemQueue queue = kind.start(test.get(), call);
        Held item = new Held();
        try (NativeWork work = queue.nativeWork(item, "held", Ipl.NONE, () -> {
            Append appended = queue.append(item);
            assertThat(appended).isNotEqualTo(Append.CLOSED);
        })) {
            handle.add(work);
            FutureTask<Append> enqueuer = Bounded.start("enqueuer", () -> queue.append(item, null, null, null));
            Bounded.arrive(item.claimed);
            assertThat(work.post(7)).isZero();
            queue.close();
            // A worker that does not wait for the push ends in this time; it may not.
            boolean early = queue.await(queue::ended, Duration.ofMillis(200));
            item.goOn.countDown();
            assertThat(enqueuer.get(Bounded.SECONDS, TimeUnit.SECONDS)).isEqualTo(Append.QUEUED);
            assertThat(early).isFalse();
            Bounded.until("the queue has ended", queue::ended);
            assertThat(values).containsExactly(7L);
        }
    }

    /** What the worker does when the queue is dropped. */
    enum Moment {
        /** It has moved what was posted, and found the item claimed. */
        MOVED,
        /** It is in a callback, and the post waits for it. */
        BUSY
    }

    @ParameterizedTest
    @CsvSource({"SERIAL, MOVED", "SERIAL, BUSY", "SHARED, MOVED", "SHARED, BUSY"})
    @DisplayName(
            "A post that was accepted is handed back by a drop, though a thread that had claimed its item is refused when it pushes it later")
    void aPostIsHandedBackThoughItsItemWasClaimedAtTheDrop(Kind kind, Moment moment) throws Exception {
        Machine.needsLinux("posts go through native memory");
        CountDownLatch goOn = new CountDownLatch(1);
        CountDownLatch busy = new CountDownLatch(1);
        AtomicInteger moves = new AtomicInteger();
        Held item = new Held();
        ItemQueue queue = kind.start(test.get(), new Call() {
            @Override
            public void load(Item loaded) {}

            @Override
            public void invoke(Item invoked) {
                assertThat(invoked).isNotSameAs(item);
                busy.countDown();
                Bounded.arrive(goOn);
            }
        });
        if (moment == Moment.BUSY) {
            assertThat(queue.append(new Item() {})).isEqualTo(Append.QUEUED);
            Bounded.arrive(busy);
        }
        try (NativeWork work = queue.nativeWork(item, "held", Ipl.NONE, () -> {
            Append appended = queue.append(item);
            assertThat(appended).isEqualTo(Append.PENDING);
            moves.incrementAndGet();
        })) {
            FutureTask<Append> enqueuer = Bounded.start("enqueuer", () -> queue.append(item, null, null, null));
            Bounded.arrive(item.claimed);
            assertThat(work.post(7)).isZero();
            if (moment == Moment.MOVED) {
                Bounded.until("the post is moved", () -> moves.get() == 1);
            }
            List<Object> dropped = Bounded.call(
                    "drops", () -> Ending.ofUnlisted(test.get(), queue).run(Duration.ZERO));
            item.goOn.countDown();
            assertThat(enqueuer.get(Bounded.SECONDS, TimeUnit.SECONDS)).isEqualTo(Append.CLOSED);
            assertThat(dropped).containsExactly(item);
            assertThat(ItemQueue.isPending(item)).isFalse();
            // The next one to end the queue, such as a shutdown of the kernel, has nothing to hand back.
            assertThat(Bounded.<List<Object>>call("drops again", () -> Ending.ofUnlisted(test.get(), queue)
                            .run(Duration.ZERO)))
                    .isEmpty();
        } finally {
            item.goOn.countDown();
            goOn.countDown();
        }
        Bounded.until("the queue has ended", queue::ended);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "A drop gives a thread that has claimed a posted item a moment to push it: the item is handed back once and not pending")
    void aDropWaitsForAPush(Kind kind) throws Exception {
        Machine.needsLinux("posts go through native memory");
        Held item = new Held();
        ItemQueue queue = kind.start(test.get(), runsNothing());
        try (NativeWork work = queue.nativeWork(item, "held", Ipl.NONE, () -> {
            Append appended = queue.append(item);
            assertThat(appended).isNotNull();
        })) {
            FutureTask<Append> enqueuer = Bounded.start("enqueuer", () -> queue.append(item, null, null, null));
            Bounded.arrive(item.claimed);
            assertThat(work.post(7)).isZero();
            List<Thread> droppers = new CopyOnWriteArrayList<>();
            FutureTask<List<Object>> drop = Bounded.start("drops", () -> {
                droppers.add(Thread.currentThread());
                return Ending.ofUnlisted(test.get(), queue).run(Duration.ZERO);
            });
            Bounded.until(
                    "the drop waits for the push, or is over",
                    () -> drop.isDone()
                            || (!droppers.isEmpty() && queue.equals(LockSupport.getBlocker(droppers.get(0)))));
            boolean inTime = !drop.isDone();
            item.goOn.countDown();
            assertThat(Bounded.join(drop)).containsExactly(item);
            Append appended = enqueuer.get(Bounded.SECONDS, TimeUnit.SECONDS);
            assertThat(inTime ? List.of(Append.QUEUED, Append.CLOSED) : List.of(Append.CLOSED))
                    .contains(appended);
            assertThat(ItemQueue.isPending(item)).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("A claimed item that nobody has posted is not handed back by a drop: its enqueue is refused")
    void aClaimWithoutAPostIsRefused(Kind kind) throws Exception {
        Machine.needsLinux("posts go through native memory");
        Held item = new Held();
        ItemQueue queue = kind.start(test.get(), runsNothing());
        try (NativeWork work = queue.nativeWork(item, "held", Ipl.NONE, () -> {})) {
            FutureTask<Append> enqueuer = Bounded.start("enqueuer", () -> queue.append(item, null, null, null));
            Bounded.arrive(item.claimed);
            assertThat(Bounded.<List<Object>>call(
                            "drops", () -> Ending.ofUnlisted(test.get(), queue).run(Duration.ZERO)))
                    .isEmpty();
            item.goOn.countDown();
            assertThat(enqueuer.get(Bounded.SECONDS, TimeUnit.SECONDS)).isEqualTo(Append.CLOSED);
            assertThat(work.post(7)).isEqualTo(-Errno.ESHUTDOWN.number());
        }
    }

    private static Call runsNothing() {
        return new Call() {
            @Override
            public void load(Item item) {}

            @Override
            public void invoke(Item item) {
                throw new AssertionError("the queue is dropped");
            }
        };
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("An item that is appended after the queue has ended is refused, and is not pending")
    void anItemAfterTheEndIsRefused(Kind kind) {
        ItemQueue queue = kind.start(test.get(), runsNothing());
        queue.close();
        Bounded.until("the queue has ended", queue::ended);
        Item late = new Item() {};
        assertThat(queue.append(late)).isEqualTo(Append.CLOSED);
        assertThat(ItemQueue.isPending(late)).isFalse();
    }
}
