// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxException;

/**
 * Hands out ports. If libpercpu is loaded, the ports belong to it: every copy of this class that shares the library
 * takes ports from one table, and the table outlives all copies. Without the library only this class knows of its
 * ports.
 */
public final class Ports {
    /** Closed ports that can be reused. Only used without the library. */
    private static final ArrayDeque<Port> UNUSED = new ArrayDeque<>(); // guarded by itself

    private static int made; // guarded by UNUSED

    private Ports() {}

    /**
     * A port that no caller knows yet.
     *
     * @throws LinuxException EAGAIN if there are too many
     */
    public static Port take(Support support, String what) {
        LibPercpu half = support.libPercpu();
        if (half == null) {
            return takeOwn(support, what);
        }
        long address = half.take();
        if (address < 0) {
            throw address == -Errno.EAGAIN.number()
                    ? tooMany(what)
                    : support.failed("percpu_open(\"" + what + "\")", address, "the process is at its limit of memory");
        }
        return new Port(support, half, support.linux.memory(address, Memory.PORT_BYTES), address);
    }

    private static Port takeOwn(Support support, String what) {
        Port port;
        synchronized (UNUSED) {
            port = pollUnused();
            if (port == null) {
                if (made == Memory.PORTS) {
                    throw tooMany(what);
                }
                ByteBuffer memory = support.linux.allocate(Memory.PORT_BYTES);
                // These indices come after those of the library, which may be loaded later.
                memory.putLong(Memory.PORT_INDEX, Memory.PORTS + made);
                port = new Port(support, null, memory, 0);
                made++;
            }
        }
        port.clear();
        return port;
    }

    private static LinuxException tooMany(String what) {
        return new LinuxException(
                "percpu_open(\"" + what + "\")",
                Errno.EAGAIN.number(),
                "there are " + Memory.PORTS + " lines and natively posted works already",
                "close those that are not used any more");
    }

    /** Returns an unused port that no poster is inside. */
    private static @Nullable Port pollUnused() {
        for (Port port : UNUSED) {
            if (port.isVacant()) {
                boolean removed = UNUSED.remove(port);
                assert removed;
                return port;
            }
        }
        return null;
    }

    /**
     * Takes back a port that is closed and in no inbox. The port may be opened again as soon as no poster is inside.
     *
     * @param port taken before
     */
    public static void recycle(Port port) {
        if (!port.giveBack()) {
            synchronized (UNUSED) {
                UNUSED.add(port);
            }
        }
    }

    /** How many are taken. */
    public static int taken(Support support) {
        LibPercpu half = support.libPercpu();
        synchronized (UNUSED) {
            return made - UNUSED.size() + (half == null ? 0 : half.taken());
        }
    }
}
