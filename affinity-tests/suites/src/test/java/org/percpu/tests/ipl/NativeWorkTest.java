// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.dispatch.NativeInbox;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.SplSupport;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;

/** Posters against the worker, and against the end of the queue; the worker is the test. */
@Timeout(60)
class NativeWorkTest {
    private static final int ROUNDS = 200;
    private static final int POSTERS = 3; // more threads than processors here: some are descheduled inside a post
    private static final long ROUND_NANOS = 3_000_000;

    private static final long TEST_NANOS = 5_000_000_000L;
    private static final long SPIN_NANOS =
            100_000_000; // then somebody else has the processor, or the value is stranded
    private static final int BURST = 8; // posts, of which all but the first mostly find the work pending
    private static final int SPACINGS = 60;

    /** The work drains its values in the worker's thread, as a queue without length would run it. */
    private static final class Rig {
        final ByteBuffer bell = ByteBuffer.allocateDirect(Integer.BYTES).order(ByteOrder.nativeOrder());
        final NativeInbox inbox = new NativeInbox(Machine.linux().address(bell), () -> {});
        final NativeWork work = Levels.work("work", Ipl.HIGH, inbox, this::run);
        final AtomicLong taken = new AtomicLong();

        void run() {
            taken.addAndGet(work.drain(value -> {}));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("every value that a post took is found by a run, also when the queue ends under the posters")
    void whatWasAcceptedRunsBeforeTheQueueEnds(boolean fromC) {
        if (fromC) {
            Levels.needLibrary();
        }
        LinuxCalls linux = Machine.linux();
        long all = 0;
        for (int round = 0; round < ROUNDS; round++) {
            Rig rig = new Rig();
            NativeWork work = rig.work;
            long handle = work.handle();
            LongUnaryOperator post = fromC
                    ? value -> linux.call(NativeWork.postFunction(), handle, value, 0, 0, 0, 0)
                    : value -> work.post(value);
            AtomicLong accepted = new AtomicLong();
            List<FutureTask<Boolean>> posters = new ArrayList<>();
            for (int i = 0; i < POSTERS; i++) {
                posters.add(Bounded.startCode("poster " + i, () -> postToTheEnd(post, accepted)));
            }
            long begin = System.nanoTime();
            do {
                rig.inbox.moveAll();
            } while (System.nanoTime() - begin < ROUND_NANOS);
            while (!rig.inbox.close()) {
                rig.inbox.moveAll();
            }
            posters.forEach(Bounded::join);
            assertThat(rig.taken).hasValue(accepted.get());
            all += rig.taken.get();
            assertThat(rig.inbox.isEmpty()).isTrue();
            work.close();
        }
        assertThat(all).isGreaterThan(ROUNDS);
    }

    @Test
    @DisplayName("what was posted before the handle was closed still runs, also while the queue ends")
    void valuesOutliveTheHandle() {
        List<Long> values = new ArrayList<>();
        boolean[] appended = new boolean[1];
        Rig rig = new Rig();
        NativeWork work = Levels.work("late", Ipl.HIGH, rig.inbox, () -> appended[0] = true);
        assertThat(work.post(5)).isZero();
        assertThat(rig.inbox.close()).isFalse();
        assertThat(work.post(6)).isEqualTo(-Errno.ESHUTDOWN.number());
        rig.inbox.moveAll();
        assertThat(appended[0]).isTrue();
        assertThat(rig.inbox.close()).isTrue();
        work.close();
        assertThat(work.handle()).isZero();
        assertThat(work.drain(values::add)).isEqualTo(1);
        assertThat(values).containsExactly(5L);
    }

    @Test
    @DisplayName("a callback may close its own handle while it drains; nobody waits for it, and the place is free then")
    void closedInItsOwnDrain() {
        Rig rig = new Rig();
        NativeWork work = Levels.work("own", Ipl.HIGH, rig.inbox, () -> {});
        long place = Levels.place(work.handle());
        assertThat(work.post(1)).isZero();
        assertThat(work.post(2)).isEqualTo(1);
        rig.inbox.moveAll();
        long begin = System.nanoTime();
        assertThat(work.drain(value -> work.close())).isEqualTo(2);
        assertThat(System.nanoTime() - begin).isLessThan(500_000_000);
        Levels.at(
                        place,
                        () -> Levels.work("next", Ipl.HIGH, rig.inbox, () -> {}),
                        NativeWork::handle,
                        NativeWork::close)
                .close();
        assertThat(work.handle()).isZero();
        assertThat(work.post(3)).isEqualTo(-Errno.EINVAL.number());
    }

    @Test
    @DisplayName("a value whose post was told \"pending already\" is found by that run, without another post")
    void valuePostedToAPendingWorkIsFoundByItsRun() {
        Rig rig = new Rig();
        AtomicBoolean enough = new AtomicBoolean();
        FutureTask<Boolean> worker = Bounded.startCode("worker", () -> {
            while (!enough.get()) {
                rig.inbox.moveAll();
            }
        });
        long begin = System.nanoTime();
        long posted = 0;
        for (int round = 0; System.nanoTime() - begin < TEST_NANOS; round++) {
            for (int i = 0; i < BURST; i++) {
                assertThat(rig.work.post(1)).isNotNegative();
                for (int spin = round % SPACINGS; spin > 0; spin--) {
                    Thread.onSpinWait();
                }
            }
            posted += BURST;
            long all = posted;
            long posts = System.nanoTime();
            while (rig.taken.get() != all && System.nanoTime() - posts < SPIN_NANOS) {
                Thread.onSpinWait();
            }
            if (rig.taken.get() != all) {
                Bounded.until("every value was taken", () -> rig.taken.get() == all);
            }
        }
        enough.set(true);
        assertThat(Bounded.join(worker)).isTrue();
        rig.work.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("works that were posted before the worker looks are moved in the order in which they were posted")
    void worksAreMovedInOrder(boolean fromC) {
        if (fromC) {
            Levels.needLibrary();
        }
        Rig rig = new Rig();
        List<Integer> moved = new ArrayList<>();
        List<NativeWork> works = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            int number = i;
            works.add(Levels.work("work " + i, Ipl.HIGH, rig.inbox, () -> moved.add(number)));
        }
        for (int i : new int[] {3, 1, 4, 0, 2}) {
            NativeWork work = works.get(i);
            assertThat(
                            fromC
                                    ? Machine.linux().call(NativeWork.postFunction(), work.handle(), 1, 0, 0, 0, 0)
                                    : work.post(1))
                    .isZero();
        }
        rig.inbox.moveAll();
        assertThat(moved).containsExactly(3, 1, 4, 0, 2);
        end(rig, works);
    }

    private static void end(Rig rig, List<NativeWork> works) {
        assertThat(rig.inbox.end()).isTrue();
        works.forEach(NativeWork::close);
        rig.work.close();
    }

    @Test
    @DisplayName("the memory of a work is not used again while somebody drains it, and is behind that")
    void memoryIsNotUsedAgainUnderADrain() {
        Rig rig = new Rig();
        int before = SplSupport.openHandles();
        NativeWork work = Levels.work("drained", Ipl.HIGH, rig.inbox, () -> {});
        long place = Levels.place(work.handle());
        assertThat(work.post(1)).isZero();
        rig.inbox.moveAll();
        List<NativeWork> others = new ArrayList<>();
        assertThat(work.drain(value -> {
                    work.close();
                    assertThat(rig.inbox.end()).isTrue();
                    assertThat(SplSupport.openHandles()).isEqualTo(before + 1);
                    Rig other = new Rig();
                    for (int i = 0; i < 100; i++) {
                        others.add(other.work);
                        NativeWork next = Levels.work("next", Ipl.HIGH, other.inbox, () -> {});
                        assertThat(Levels.place(next.handle())).isNotEqualTo(place);
                        next.close();
                    }
                }))
                .isEqualTo(1);
        others.forEach(NativeWork::close);
        rig.work.close();
        assertThat(SplSupport.openHandles()).isEqualTo(before - 1);
    }

    @Test
    @DisplayName("a handle that was closed before its queue ended, with values that nobody took, is given back")
    void valuesThatNobodyTakesKeepNoHandle() {
        int before = SplSupport.openHandles();
        for (int i = 0; i < 2 * Levels.PLACES; i++) {
            Rig rig = new Rig();
            assertThat(rig.work.post(1)).isZero();
            rig.inbox.moveAll();
            NativeWork untaken = Levels.work("untaken", Ipl.HIGH, rig.inbox, () -> {});
            assertThat(untaken.post(1)).isZero();
            rig.inbox.moveAll();
            untaken.close();
            rig.work.close();
            assertThat(SplSupport.openHandles()).as("it may still run").isEqualTo(before + 1);
            assertThat(rig.inbox.close()).isTrue();
            assertThat(rig.inbox.end()).isTrue();
            assertThat(SplSupport.openHandles()).isEqualTo(before);
        }
    }

    @Test
    @DisplayName(
            "a work that is linked keeps its memory when it is closed and its queue is dropped, until it was moved")
    void linkedWorkKeepsItsMemory() {
        int before = SplSupport.openHandles();
        Rig rig = new Rig();
        List<String> moved = new ArrayList<>();
        NativeWork work = Levels.work("linked", Ipl.HIGH, rig.inbox, () -> moved.add("linked"));
        assertThat(work.post(1)).isZero();
        work.close();
        assertThat(rig.inbox.close()).isFalse();
        assertThat(rig.inbox.end()).as("first it must be moved").isFalse();
        assertThat(SplSupport.openHandles()).isEqualTo(before + 2);
        rig.inbox.moveAll();
        assertThat(moved).containsExactly("linked");
        assertThat(rig.inbox.end()).isTrue();
        assertThat(SplSupport.openHandles()).isEqualTo(before + 1);
        NativeWork late = Levels.work("late", Ipl.HIGH, rig.inbox, () -> moved.add("late"));
        assertThat(late.post(1)).isEqualTo(-Errno.ESHUTDOWN.number());
        rig.inbox.moveAll();
        late.close();
        rig.work.close();
        assertThat(SplSupport.openHandles()).isEqualTo(before);
        assertThat(moved).containsExactly("linked");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName(
            "a dropped queue takes back what a poster has marked that Linux has stopped inside, and the poster is told")
    void stoppedPosterLosesNothing(boolean another) throws Exception {
        int before = SplSupport.openHandles();
        Rig rig = new Rig();
        List<String> moved = new ArrayList<>();
        NativeWork work = Levels.work("stopped", Ipl.HIGH, rig.inbox, () -> moved.add("stopped"));
        // A poster that has been let in, and, in the first case, has marked the work.
        Inside inside = new Inside(rig.inbox, work);
        if (another) {
            // One that has found the mark was promised a run.
            inside.mark();
            assertThat(work.post(1)).isEqualTo(1);
        }
        work.close();
        assertThat(rig.inbox.close()).isFalse();
        assertThat(rig.inbox.end()).isTrue();
        assertThat(moved).isEqualTo(another ? List.of("stopped") : List.of());
        assertThat(SplSupport.openHandles()).as("it is inside").isEqualTo(before + 2);
        assertThat(inside.link()).isFalse();
        inside.leave();
        rig.work.close();
        assertThat(SplSupport.openHandles()).isEqualTo(before);
    }

    /** What C code does, step by step. */
    private static final class Inside {
        private final NativeInbox inbox;
        private final Object port;

        Inside(NativeInbox inbox, NativeWork work) throws ReflectiveOperationException {
            this.inbox = inbox;
            port = call(call(work, "work"), "port");
            call(port, "enter");
            assertThat(call(inbox, "enter")).isEqualTo(true);
        }

        void mark() throws ReflectiveOperationException {
            assertThat(call(port, "mark")).isEqualTo(true);
        }

        boolean link() throws ReflectiveOperationException {
            Method method = NativeInbox.class.getDeclaredMethod("linkAndLeave", port.getClass());
            method.setAccessible(true);
            return (Boolean) method.invoke(inbox, port);
        }

        void leave() throws ReflectiveOperationException {
            call(inbox, "leave");
            call(port, "leave");
        }

        private static Object call(Object on, String name) throws ReflectiveOperationException {
            Method method = on.getClass().getDeclaredMethod(name);
            method.setAccessible(true);
            return method.invoke(on);
        }
    }

    private static void postToTheEnd(LongUnaryOperator post, AtomicLong accepted) {
        long result;
        do {
            result = post.applyAsLong(1);
            if (result >= 0) {
                accepted.getAndIncrement();
            }
        } while (result != -Errno.ESHUTDOWN.number());
    }
}
