// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.ipl;

import org.percpu.bindings.spi.LinuxCalls;

/** The functions of a loaded libpercpu. All take and return numbers. */
final class TopHalf {
    /** Counter: signals of ours that belonged to no line. */
    static final int STRAY = 0;
    /** Counter: signals taken by a thread that was not the line's receiver. */
    static final int FOREIGN = 1;

    private final LinuxCalls linux;
    private final long library;
    private final String path;

    private final long attach;
    private final long counter;
    private final long install;
    private final long post;
    private final long rankMask;
    private final long register;
    private final long route;
    private final long trigger;
    private final long watch;

    private TopHalf(LinuxCalls linux, long library, String path) {
        this.linux = linux;
        this.library = library;
        this.path = path;
        attach = symbol("percpu_attach");
        counter = symbol("percpu_counter");
        install = symbol("percpu_install");
        post = symbol("percpu_post");
        rankMask = symbol("percpu_rank_mask");
        register = symbol("percpu_register");
        route = symbol("percpu_route");
        trigger = symbol("percpu_trigger");
        watch = symbol("percpu_watch");
    }

    /**
     * Loads the library.
     *
     * @throws UnsupportedOperationException if the file is no libpercpu of this version
     */
    static TopHalf load(LinuxCalls linux, String path) {
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
        return new TopHalf(linux, library, path);
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

    String path() {
        return path;
    }

    long postFunction() {
        return post;
    }

    long triggerFunction() {
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

    /** Makes a receiver the calling thread's. */
    void attach(long receiver) {
        must(call(attach, receiver, 0), "percpu_attach");
    }

    /** -EBUSY if somebody else handles the signal. */
    long install(int signal, long mask) {
        return call(install, signal, mask);
    }

    void rankMask(int rank, long mask) {
        must(call(rankMask, rank, mask), "percpu_rank_mask");
    }

    void register(int index, long port) {
        must(call(register, index, port), "percpu_register");
    }

    void route(int signal, long handle) {
        must(call(route, signal, handle), "percpu_route");
    }

    /** A file descriptor, or -1. */
    void watch(int signal, int fd) {
        must(call(watch, signal, fd), "percpu_watch");
    }

    long counter(int which) {
        return call(counter, which, 0);
    }
}
