// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.SplMode;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Alone;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.Pri;

/** The order of the values of each sender, with several senders of one kind at once. */
@Tag("costly")
@Timeout(120)
@Alone // Linux counts the queued signals of all processes of a user together.
class OrderTest {
    private static final int SENDERS = 3;
    private static final long STORM_NANOS = 1_500_000_000;

    private static final class Packet extends Work {}

    @RegisterExtension
    final TestKernel kernels = new TestKernel();

    private final LinuxCalls linux = Machine.linux();

    /** By sender: the next value, counted from 0. */
    private final AtomicLongArray next = new AtomicLongArray(SENDERS);

    private final AtomicLong taken = new AtomicLong();
    private final AtomicLong outOfOrder = new AtomicLong();

    /** Ways to send a value to a line, or to the work that it is bound to, whose order is promised. */
    enum Way {
        TRIGGER,
        PERCPU_TRIGGER,
        POST,
        PERCPU_POST
    }

    @BeforeEach
    void library() {
        Levels.needLibrary();
    }

    private void take(long value) {
        int sender = (int) (value >>> 32);
        if (next.getAndIncrement(sender) != (value & 0xffff_ffffL)) {
            outOfOrder.getAndIncrement();
        }
        taken.getAndIncrement();
    }

    private LongPredicate sending(Way way, InterruptLine line, NativeWork work) {
        long handle = way == Way.PERCPU_POST ? work.handle() : line.handle();
        long function = way == Way.PERCPU_POST ? NativeWork.postFunction() : InterruptLine.triggerFunction();
        return switch (way) {
            case TRIGGER -> line::trigger;
            case POST -> value -> work.post(value) >= 0;
            case PERCPU_TRIGGER, PERCPU_POST -> value -> linux.call(function, handle, value, 0, 0, 0, 0) >= 0;
        };
    }

    /** Each sender numbers its values, and sends one again until it is taken. */
    private long storm(LongPredicate send) {
        AtomicLong sent = new AtomicLong();
        long begin = System.nanoTime();
        List<FutureTask<Boolean>> senders = new ArrayList<>();
        for (long i = 0; i < SENDERS; i++) {
            long sender = i << 32;
            senders.add(Bounded.startCode("sender " + i, () -> {
                long n = 0;
                while (System.nanoTime() - begin < STORM_NANOS) {
                    if (send.test(sender | n)) {
                        n++;
                    } else {
                        Thread.onSpinWait();
                    }
                }
                sent.getAndAdd(n);
            }));
        }
        senders.forEach(sender -> assertThat(Bounded.join(sender)).isTrue());
        return sent.get();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("values that several threads trigger or post arrive in the order of each, at a handler and at a work")
    void valuesOfEachSenderKeepTheirOrder(Way way) {
        boolean posts = way == Way.POST || way == Way.PERCPU_POST;
        NativeWork[] self = new NativeWork[1];
        Workqueue<Packet> wq = Workqueue.create(
                kernels.get(),
                "order",
                (packet, arg) -> assertThat(self[0].drain(this::take)).isNotNegative(),
                null,
                Pri.PRI_NONE,
                Ipl.VM,
                Workqueue.WQ_MPSAFE);
        NativeWork work = wq.nativeWork(new Packet(), null);
        self[0] = work;
        try (Levels.Waiting receiver = new Levels.Waiting()) {
            InterruptLine line = posts
                    ? InterruptLine.establish(receiver.receiver, "order", Ipl.VM, work)
                    : InterruptLine.establish(receiver.receiver, "order", Ipl.VM, this::take);
            requireAll(storm(sending(way, line, work)));
            line.close();
        }
        work.close();
        wq.destroy();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("signals that are directed to the receiver's thread arrive in the order of each sender")
    void signalsToTheThreadKeepTheirOrder(SplMode mode) {
        AtomicLong thread = new AtomicLong();
        try (Levels.Waiting receiver = new Levels.Waiting(mode)) {
            InterruptLine self = InterruptLine.establish(
                    receiver.receiver, "self", Ipl.SOFTCLOCK, value -> thread.set(linux.pthread_self()));
            assertThat(self.trigger()).isTrue();
            Bounded.until("the receiver is known", () -> thread.get() != 0);
            self.close();
            InterruptLine line = InterruptLine.establish(receiver.receiver, "order", Ipl.VM, this::take);
            int signal = line.signal();
            requireAll(storm(value -> linux.pthread_sigqueue(thread.get(), signal, value) == 0));
            assertThat(line.state().lost()).isZero();
            line.close();
        }
    }

    private void requireAll(long sent) {
        assertThat(sent).isGreaterThan(1_000);
        Bounded.until("everything that was sent is taken", () -> taken.get() == sent);
        assertThat(outOfOrder).as("of %s values", sent).hasValue(0);
    }
}
