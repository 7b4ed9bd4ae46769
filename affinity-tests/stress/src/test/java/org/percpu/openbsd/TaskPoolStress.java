// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.openbsd;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.percpu.tests.support.Rule;

/** The bounded pool behind workq_add_task. */
final class TaskPoolStress {
    private TaskPoolStress() {}

    /** Two callers and one entry. */
    @JCStressTest
    @Rule("OWQ-1")
    @Outcome(
            id = {"1, 0", "0, 1"},
            expect = ACCEPTABLE,
            desc = "One has the entry, the other is told ENOMEM.")
    @Outcome(expect = FORBIDDEN, desc = "Both have the one entry, or nobody has.")
    @State
    public static class LastEntry {
        private final TaskPool pool = new TaskPool(1);

        @Actor
        public void one(II_Result r) {
            r.r1 = pool.get() == null ? 0 : 1;
        }

        @Actor
        public void other(II_Result r) {
            r.r2 = pool.get() == null ? 0 : 1;
        }
    }

    /** Entries come and go on both sides; afterwards each is there once. The head of the stack meets itself again here. */
    @JCStressTest
    @Rule("OWQ-1")
    @Outcome(id = "0, 1, 2", expect = ACCEPTABLE, desc = "Both entries are there, and different.")
    @Outcome(expect = FORBIDDEN, desc = "A caller was refused, or an entry was lost, or is there twice.")
    @State
    public static class GetPut {
        private final TaskPool pool = new TaskPool(2);

        public GetPut() {
            TaskPool.Pooled one = pool.get();
            TaskPool.Pooled other = pool.get();
            put(one);
            put(other);
        }

        private void put(TaskPool.@Nullable Pooled entry) {
            if (entry != null) {
                pool.put(entry);
            }
        }

        @Actor
        public void holdsBoth(III_Result r) {
            TaskPool.Pooled one = pool.get();
            TaskPool.Pooled other = pool.get();
            r.r1 = one == null ? 1 : 0;
            put(one);
            put(other);
        }

        @Actor
        public void holdsOne(III_Result r) {
            TaskPool.Pooled one = pool.get();
            put(one);
            r.r2 = 1;
        }

        @Arbiter
        public void count(III_Result r) {
            Set<TaskPool.Pooled> entries = new HashSet<>();
            TaskPool.Pooled entry = pool.get();
            while (entry != null) {
                entries.add(entry);
                r.r3++;
                entry = pool.get();
            }
            r.r3 = entries.size() == r.r3 ? r.r3 : -1;
        }
    }
}
