// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.events;

import jdk.jfr.Event;

/** A stretch of time that a recording wants: one of a lock, a level, a handler or a sleep. */
public final class Span {
    private final Event event;

    private Span(Event event) {
        this.event = event;
        event.begin();
    }

    static Span hold(String lock) {
        LockHoldEvent event = new LockHoldEvent();
        event.lock = lock;
        event.cpu = CurrentCpu.get();
        return new Span(event);
    }

    static Span lockWait(String lock, String holder) {
        LockWaitEvent event = new LockWaitEvent();
        event.lock = lock;
        event.holder = holder;
        event.cpu = CurrentCpu.get();
        return new Span(event);
    }

    static Span raised(String level, int rank) {
        LevelEvent event = new LevelEvent();
        event.level = level;
        event.rank = rank;
        event.cpu = CurrentCpu.get();
        return new Span(event);
    }

    static Span handler(String line, int rank) {
        HandlerEvent event = new HandlerEvent();
        event.line = line;
        event.rank = rank;
        event.cpu = CurrentCpu.get();
        return new Span(event);
    }

    static Span sleep(String wmesg) {
        SleepEvent event = new SleepEvent();
        event.wmesg = wmesg;
        event.cpu = CurrentCpu.get();
        return new Span(event);
    }

    /** The stretch ends here, on the thread on which it began. */
    public void end() {
        event.commit();
    }
}
