// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.dispatch.NativeInbox;
import org.percpu.intr.NativeWork;
import org.percpu.ipl.Ipl;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.tests.support.Bounded;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.TestKernel;

/** Memory that C code may touch is never freed: it must be used again. */
@Timeout(120)
class MemoryReuseTest {
    private static final int ROUNDS = 200;

    @RegisterExtension
    final TestKernel kernel = new TestKernel();

    private static Object field(Class<?> type, @Nullable Object of, String name) throws ReflectiveOperationException {
        Field field = type.getDeclaredField(name);
        field.setAccessible(true);
        return field.get(of);
    }

    @Test
    @DisplayName(
            "the memory of an inbox is another one's when its queue has ended and its works are closed, and not before")
    void memoryOfInboxesIsUsedAgain() throws Exception {
        long bell = Machine.linux().address(Machine.linux().allocate(Integer.BYTES));
        Set<Object> memories = Collections.newSetFromMap(new IdentityHashMap<>());
        NativeInbox open = new NativeInbox(bell, () -> {});
        NativeWork kept = Levels.work("kept", Ipl.HIGH, open, () -> {});
        assertThat(open.end()).isTrue();
        for (int i = 0; i < ROUNDS; i++) {
            NativeInbox box = new NativeInbox(bell, () -> {});
            NativeWork work = Levels.work("work", Ipl.HIGH, box, () -> {});
            assertThat(work.post(1)).isZero();
            box.moveAll();
            assertThat(box.end()).isTrue();
            work.close();
            memories.add(field(NativeInbox.class, box, "memory"));
        }
        assertThat(memories.size()).isLessThan(ROUNDS / 2);
        // Not equal but identical: buffers are equal by what is in them.
        assertThat(memories.contains(field(NativeInbox.class, open, "memory"))).isFalse();
        kept.close();
    }

    @Test
    @DisplayName("the words of the doorbells of queues that are gone are used again")
    void wordsOfBellsAreUsedAgain() throws Exception {
        Collection<?> bells = (Collection<?>) field(Class.forName("org.percpu.queue.BellWords"), null, "BELLS");
        for (int i = 0; i < ROUNDS; i++) {
            Workqueue<Work> wq = kernel.workqueue("bell", 0, (work, arg) -> {});
            try (NativeWork handle = wq.nativeWork(new Work(), null)) {
                assertThat(handle.post(1)).isZero();
            }
            wq.drainAndDestroy();
        }
        Bounded.until("most of the words are free", () -> {
            System.gc();
            // Taken back when the next one is made.
            kernel.workqueue("next", 0, (work, arg) -> {}).destroy();
            return bells.size() < ROUNDS / 2;
        });
    }
}
