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
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.kernel.Kernel;
import org.percpu.lwp.Lwp;
import org.percpu.queue.Append;
import org.percpu.queue.Call;
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
                SharedQueue queue = new SharedQueue(kernel, "claim", () -> call, true);
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

    @ParameterizedTest
    @EnumSource
    @DisplayName("An item that is appended after the queue has ended is refused, and is not pending")
    void anItemAfterTheEndIsRefused(Kind kind) {
        Call call = new Call() {
            @Override
            public void load(Item item) {}

            @Override
            public void invoke(Item item) {
                throw new AssertionError("the queue has ended");
            }
        };
        ItemQueue queue = kind.start(test.get(), call);
        queue.close();
        Bounded.until("the queue has ended", queue::ended);
        Item late = new Item() {};
        assertThat(queue.append(late)).isEqualTo(Append.CLOSED);
        assertThat(ItemQueue.isPending(late)).isFalse();
    }
}
