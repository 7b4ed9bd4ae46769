// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.time.Duration;
import org.percpu.kernel.Kernel;

/** What the tests of the engine's parts are made of: queues without threads, whose worker is an actor of the test. */
final class Parts {
    /** One kernel for each forked JVM, made when the first test in it asks. */
    static final Kernel KERNEL =
            Kernel.builder("jcstress").pinWatch(Duration.ZERO).build();

    private Parts() {}

    /** An item of a list that knows no removal. */
    static final class Plain extends Item {
        int data;
    }

    /** An item that can be taken back. */
    static final class Linked extends LinkedItem {}

    /** The actors run what they take; the worker need not. */
    static final class NoCall extends Call {
        @Override
        public void load(Item item) {}

        @Override
        public void invoke(Item item) {}
    }

    static SerialQueue serial() {
        return new SerialQueue(KERNEL, "serial", new NoCall(), true);
    }

    static SharedQueue shared() {
        return new SharedQueue(KERNEL, "shared", NoCall::new, true);
    }

    static Worker worker(RunQueue queue) {
        return new Worker(queue, new NoCall(), true);
    }
}
