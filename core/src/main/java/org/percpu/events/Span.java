// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

/** A stretch of time that a recording wants: one of a lock, a level, a handler or a sleep. */
public abstract class Span {
    Span() {}

    /** The stretch ends here, on the thread on which it began. */
    public abstract void end();

    static final class Hold extends Span {
        private final LockHoldEvent event = new LockHoldEvent();

        Hold(String lock) {
            event.lock = lock;
            event.cpu = CurrentCpu.get();
            event.begin();
        }

        @Override
        public void end() {
            event.commit();
        }
    }

    static final class Wait extends Span {
        private final LockWaitEvent event = new LockWaitEvent();

        Wait(String lock, String holder) {
            event.lock = lock;
            event.holder = holder;
            event.cpu = CurrentCpu.get();
            event.begin();
        }

        @Override
        public void end() {
            event.commit();
        }
    }

    static final class Raised extends Span {
        private final LevelEvent event = new LevelEvent();

        Raised(String level, int rank) {
            event.level = level;
            event.rank = rank;
            event.cpu = CurrentCpu.get();
            event.begin();
        }

        @Override
        public void end() {
            event.commit();
        }
    }

    static final class Handled extends Span {
        private final HandlerEvent event = new HandlerEvent();

        Handled(String line, int rank) {
            event.line = line;
            event.rank = rank;
            event.cpu = CurrentCpu.get();
            event.begin();
        }

        @Override
        public void end() {
            event.commit();
        }
    }

    static final class Slept extends Span {
        private final SleepEvent event = new SleepEvent();

        Slept(String wmesg) {
            event.wmesg = wmesg;
            event.cpu = CurrentCpu.get();
            event.begin();
        }

        @Override
        public void end() {
            event.commit();
        }
    }
}
