// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.dispatch;

import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;

/** The functions of a loaded libpercpu. All take and return numbers. */
public final class LibPercpu {
    /** Counter: signals that reached the library's handler and belonged to no line. */
    public static final int STRAY = 0;
    /** Counter: signals taken by a thread that was not the line's receiver. */
    public static final int FOREIGN = 1;

    /** What {@link #handler} says of a signal with its default action. */
    static final long BY_DEFAULT = 0;

    static final long IGNORED = 1;
    static final long OURS = 2;

    private final LinuxCalls linux;
    private final long library;
    private final String path;

    private final long counter;
    private final long handler;
    private final long install;
    private final long open;
    private final long post;
    private final long recycle;
    private final long release;
    private final long route;
    private final long take;
    private final long taken;
    private final long trigger;
    private final long watch;

    private LibPercpu(LinuxCalls linux, long library, String path) {
        this.linux = linux;
        this.library = library;
        this.path = path;
        counter = symbol("percpu_counter");
        handler = symbol("percpu_handler");
        install = symbol("percpu_install");
        open = symbol("percpu_open");
        post = symbol("percpu_post");
        recycle = symbol("percpu_recycle");
        release = symbol("percpu_release");
        route = symbol("percpu_route");
        take = symbol("percpu_take");
        taken = symbol("percpu_taken");
        trigger = symbol("percpu_trigger");
        watch = symbol("percpu_watch");
    }

    /**
     * Loads the library.
     *
     * @throws UnsupportedOperationException if the file is no libpercpu of this version
     */
    static LibPercpu load(LinuxCalls linux, String path) {
        long library;
        try {
            library = linux.dlopen(path);
        } catch (UnsupportedOperationException e) {
            throw refused(path, "it cannot be loaded (" + e.getMessage() + ")");
        }
        long abi = linux.dlsym(library, "percpu_abi");
        long layout = linux.dlsym(library, "percpu_layout");
        if (abi == 0 || layout == 0) {
            throw refused(path, "it is another library: percpu_abi or percpu_layout is missing");
        }
        long found = linux.call(abi, 0, 0, 0, 0, 0, 0);
        if (found != Memory.ABI) {
            throw refused(
                    path,
                    "it is of another version: 0x" + Long.toHexString(found) + " instead of 0x"
                            + Long.toHexString(Memory.ABI));
        }
        long[] sizes = {Memory.RECEIVER_BYTES, Memory.PORT_BYTES, Memory.INBOX_BYTES, Memory.VALUES, Memory.PORTS};
        for (int i = 0; i < sizes.length; i++) {
            long size = linux.call(layout, i, 0, 0, 0, 0, 0);
            if (size != sizes[i]) {
                throw refused(path, "its layout " + i + " has " + size + " bytes or entries instead of " + sizes[i]);
            }
        }
        return new LibPercpu(linux, library, path);
    }

    static UnsupportedOperationException refused(String path, String why) {
        return new UnsupportedOperationException(path + " is not used as libpercpu: " + why);
    }

    private long symbol(String name) {
        long address = linux.dlsym(library, name);
        if (address == 0) {
            throw refused(path, "it has no function " + name);
        }
        return address;
    }

    public String path() {
        return path;
    }

    long postFunction() {
        return post;
    }

    public long triggerFunction() {
        return trigger;
    }

    private long call(long function, long a, long b) {
        return linux.call(function, a, b, 0, 0, 0, 0);
    }

    private void must(long result, String what) {
        if (result != 0) {
            throw new IllegalStateException(what + " of libpercpu returned " + result);
        }
    }

    /** Returns the address of a closed port that is not in use; -EAGAIN if all ports are taken; or -ENOMEM. */
    long take() {
        return call(take, 0, 0);
    }

    /** Opens a port that was taken. Returns its handle. */
    long open(long port) {
        return call(open, port, 0);
    }

    void recycle(long port) {
        must(call(recycle, port, 0), "percpu_recycle");
    }

    /** How many ports are taken, by every copy of the Java half that shares the library. */
    int taken() {
        return (int) call(taken, 0, 0);
    }

    /** {@link #BY_DEFAULT}, {@link #IGNORED}, {@link #OURS}, -EINVAL, or the address of another handler. */
    public long handler(int signal) {
        return call(handler, signal, 0);
    }

    /** -EBUSY if the signal has another handler, unless that is another copy of this library and it is SIGIO. */
    long install(int signal, long mask, boolean chain) {
        return linux.call(install, signal, mask, chain ? 1 : 0, 0, 0, 0);
    }

    /** Returns false while a handler runs for the signal. */
    boolean release(int signal) {
        long result = call(release, signal, 0);
        if (result == -Errno.EBUSY.number()) {
            return false;
        }
        must(result, "percpu_release");
        return true;
    }

    public void route(int signal, long handle) {
        must(call(route, signal, handle), "percpu_route");
    }

    /** A file descriptor, or -1. */
    public void watch(int signal, int fd) {
        must(call(watch, signal, fd), "percpu_watch");
    }

    public long counter(int which) {
        return call(counter, which, 0);
    }
}
