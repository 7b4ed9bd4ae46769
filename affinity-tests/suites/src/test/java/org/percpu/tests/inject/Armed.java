// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.inject;

import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.ErrnoException;

/**
 * What became of code that an error was to be thrown into.
 *
 * @param thrown what the code threw, or null
 * @param site where an error was thrown into it, or null
 */
record Armed(@Nullable Throwable thrown, @Nullable String site) {
    /** On a fresh thread, which alone meets the error. */
    static Armed run(Injector.Kind kind, int n, Fixture.Code code) {
        return run(null, kind, n, code);
    }

    /** On a fresh thread, which meets the error, or else a thread whose name begins so does. */
    static Armed run(@Nullable String prefix, Injector.Kind kind, int n, Fixture.Code code) {
        return new Call(prefix, kind, n, code).outcome();
    }

    /** Nothing but an injected error, or a refusal, may come out. */
    Armed requireKnown() {
        if (thrown != null && !Injector.isInjected(thrown) && !(thrown instanceof ErrnoException)) {
            throw new AssertionError("the call threw " + thrown, thrown);
        }
        return this;
    }

    /** Armed code that runs. */
    static final class Call {
        private final Thread thread;
        private @Nullable Throwable thrown;
        private @Nullable String site;

        Call(@Nullable String prefix, Injector.Kind kind, int n, Fixture.Code code) {
            thread = new Thread(() -> {
                Injector.arm(Thread.currentThread(), prefix, kind, n);
                try {
                    code.run();
                } catch (Throwable t) {
                    thrown = t;
                } finally {
                    site = Injector.disarm();
                }
            });
            thread.setDaemon(true);
            thread.start();
        }

        /** Waits until it waits for something, or has ended. */
        void waits() {
            Fixture.await("the caller waits", () -> switch (thread.getState()) {
                case WAITING, TIMED_WAITING, TERMINATED -> true;
                default -> Fixture.isAsleep(thread);
            });
        }

        Armed outcome() {
            Fixture.join(thread);
            return new Armed(thrown, site).requireKnown();
        }
    }
}
