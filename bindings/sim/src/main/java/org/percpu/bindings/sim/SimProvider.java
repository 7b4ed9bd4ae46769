// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxCallsProvider;

/** Offers the simulated machine, only to a process that asks for it by name. */
public final class SimProvider implements LinuxCallsProvider {
    /** The backend's name. */
    static final String NAME = "sim";

    /** For {@link java.util.ServiceLoader}. */
    public SimProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public int order() {
        return Integer.MAX_VALUE;
    }

    @Override
    public LinuxCalls open() {
        if (!NAME.equals(System.getProperty(Backend.PROPERTY))) {
            throw new UnsupportedOperationException(
                    "a simulated machine is used only where -D" + Backend.PROPERTY + "=" + NAME + " asks for it");
        }
        return SimMachine.ofProcess().calls();
    }
}
