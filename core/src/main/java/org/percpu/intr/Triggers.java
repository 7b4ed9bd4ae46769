// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.intr;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.dispatch.Dispatcher;
import org.percpu.dispatch.Holder;
import org.percpu.dispatch.LibPercpu;
import org.percpu.dispatch.Port;
import org.percpu.dispatch.Rank;
import org.percpu.dispatch.Signals;
import org.percpu.dispatch.Support;

/** What triggers a line from outside of this process: its signal, its timer, its file. Guarded by the line. */
final class Triggers {
    /** Owns a thread id and a type. */
    private static final int F_OWNER_BYTES = 8;

    private final String name;
    private final int rank;
    private final Dispatcher dispatcher;
    private final Support support;
    private final Port port;
    private final long handle;

    private int signal;
    private long timer = -1;
    private int fd = -1;

    Triggers(String name, int rank, Dispatcher dispatcher, Port port, long handle) {
        this.name = name;
        this.rank = rank;
        this.dispatcher = dispatcher;
        this.support = dispatcher.support();
        this.port = port;
        this.handle = handle;
    }

    /** 0 if the line has none. */
    int signalIfAny() {
        return signal;
    }

    int signal() {
        LibPercpu library = support.requireLibPercpu("a signal for interrupt " + name);
        if (signal == 0) {
            if (Rank.isSoft(rank)) {
                throw new ErrnoException(
                        Errno.EINVAL,
                        "signal(\"" + name + "\"): " + Rank.name(rank)
                                + " is a level of soft interrupts, which have no signals: establish the line at BIO or above");
            }
            if (!port.isKnownToLibrary()) {
                throw new UnsupportedOperationException(
                        "a signal for interrupt " + name
                                + " needs libpercpu.so, which was loaded after the line was established: close it and establish another");
            }
            int taken = support.signals.take(library, rank, name);
            library.route(taken, handle);
            signal = taken;
            dispatcher.admit(1L << (taken - 1));
        }
        return signal;
    }

    boolean hasTimer() {
        return timer >= 0;
    }

    void setTimer(long firstNanos, long intervalNanos, long value) {
        if (timer < 0) {
            int tid = dispatcher.tid();
            timer = support.linux.timer_create(LinuxCalls.CLOCK_MONOTONIC, signal(), tid, value);
            if (timer < 0) {
                throw support.failed(
                        "timer_create(CLOCK_MONOTONIC, " + signal + ", " + tid + ")",
                        timer,
                        "raise RLIMIT_SIGPENDING (ulimit -i), against which each timer counts, or close lines that have one");
            }
        }
        int result = support.linux.timer_settime(timer, firstNanos != 0 ? firstNanos : intervalNanos, intervalNanos);
        if (result < 0) {
            throw support.failed("timer_settime(" + firstNanos + ", " + intervalNanos + ")", result, null);
        }
    }

    void watch(int descriptor) {
        if (fd >= 0) {
            throw new IllegalStateException("interrupt " + name + " watches file " + fd + ": establish another line");
        }
        LibPercpu library = support.requireLibPercpu("watching a file");
        int number = signal();
        long installed = support.signals.takeSigio(library);
        if (installed != 0) {
            throw support.failed(
                    "sigaction(SIGIO)",
                    installed,
                    "the kernel sends it when a file's signal cannot be queued, and here "
                            + Holder.of(library.handler(Signals.SIGIO))
                            + " handles it (libjvm.so does for a sun.misc.Signal handler): remove that handler before you"
                            + " watch the file, or poll the file instead");
        }
        boolean watched = false;
        try {
            arm(library, descriptor, number);
            watched = true;
        } finally {
            if (!watched) {
                support.signals.giveSigioBack(library);
            }
        }
        fd = descriptor;
    }

    private void arm(LibPercpu library, int descriptor, int number) {
        LinuxCalls linux = support.linux;
        ByteBuffer owner = ByteBuffer.allocateDirect(F_OWNER_BYTES).order(ByteOrder.nativeOrder());
        owner.putInt(0, LinuxCalls.F_OWNER_TID).putInt(Integer.BYTES, dispatcher.tid());
        int flags = must(linux.fcntl(descriptor, LinuxCalls.F_GETFL, 0), "fcntl(" + descriptor + ", F_GETFL)");
        must(
                linux.fcntl(descriptor, LinuxCalls.F_SETOWN_EX, linux.address(owner)),
                "fcntl(" + descriptor + ", F_SETOWN_EX, " + dispatcher.tid() + ")");
        must(
                linux.fcntl(descriptor, LinuxCalls.F_SETSIG, number),
                "fcntl(" + descriptor + ", F_SETSIG, " + number + ")");
        library.watch(number, descriptor);
        int result = linux.fcntl(descriptor, LinuxCalls.F_SETFL, flags | LinuxCalls.O_ASYNC);
        if (result >= 0 && (linux.fcntl(descriptor, LinuxCalls.F_GETFL, 0) & LinuxCalls.O_ASYNC) == 0) {
            // The file never sends a signal. Linux reports no error for it, but does not set the flag.
            result = -Errno.EINVAL.number();
        }
        if (result < 0) {
            library.watch(number, -1);
        }
        must(result, "fcntl(" + descriptor + ", F_SETFL, O_ASYNC)");
    }

    private int must(int result, String call) {
        if (result < 0) {
            throw support.failed(
                    call, result, "is the file open, and of a kind that has signals (a pipe, socket or terminal)?");
        }
        return result;
    }

    /** The first step of a close: from now on neither timer nor file nor signal triggers the line. */
    void stop() {
        if (timer >= 0) {
            int deleted = support.linux.timer_delete(timer);
            assert deleted == 0;
        }
        LibPercpu library = support.libPercpu();
        if (signal != 0 && library != null) {
            if (fd >= 0) {
                // The file may be closed by now. Then nothing is left to undo.
                int flags = support.linux.fcntl(fd, LinuxCalls.F_GETFL, 0);
                if (flags >= 0) {
                    int result = support.linux.fcntl(fd, LinuxCalls.F_SETFL, flags & ~LinuxCalls.O_ASYNC);
                    assert result <= 0;
                }
                library.watch(signal, -1);
                support.signals.giveSigioBack(library);
            }
            library.route(signal, 0);
        }
    }

    /** The last step of a close. */
    void giveSignalBack() {
        if (signal != 0) {
            long set = 1L << (signal - 1);
            dispatcher.dismiss(set);
            support.signals.giveBack(support.requireLibPercpu("a signal"), signal);
            dispatcher.roomWasMade(set);
            signal = 0;
        }
    }
}
