// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.ffm;

import java.lang.foreign.MemorySegment;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxCallsProvider;

/** Offers the foreign function backend, first in the order of preference. */
public final class FfmProvider implements LinuxCallsProvider {
    /** For {@link java.util.ServiceLoader}. */
    public FfmProvider() {}

    @Override
    public String name() {
        return "ffm";
    }

    @Override
    public int order() {
        return 10;
    }

    @Override
    public LinuxCalls open() {
        try {
            // A restricted method of no effect: it throws where native access is denied.
            MemorySegment unused = MemorySegment.NULL.reinterpret(0);
            Link unusedLink = Link.all();
            LinuxCalls calls = new FfmLinuxCalls();
            // Arguments arrive, and the result and errno come back.
            int badFile = calls.fcntl(-1, LinuxCalls.F_GETFL, 0);
            int tid = calls.gettid(); // initialises SystemCall
            if (tid <= 0 || badFile != -Errno.EBADF.number()) {
                throw new UnsupportedOperationException(
                        "calls of the foreign function API do not work: fcntl of no file returned " + badFile);
            }
            return calls;
        } catch (IllegalCallerException e) {
            Module module = FfmProvider.class.getModule();
            throw new UnsupportedOperationException(
                    "native access is denied; run java with --enable-native-access="
                            + (module.isNamed() ? module.getName() : "ALL-UNNAMED"),
                    e);
        } catch (LinkageError e) {
            throw new UnsupportedOperationException("the GNU C library cannot be linked (" + root(e) + ")", e);
        }
    }

    private static Throwable root(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root;
    }
}
