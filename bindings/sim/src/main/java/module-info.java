// SPDX-License-Identifier: BSD-2-Clause
/**
 * A simulated machine behind the interface of the C functions. It is used only where {@code -Dpercpu.backend=sim} asks
 * for it.
 */
module org.percpu.bindings.sim {
    requires transitive org.percpu.bindings.spi;
    requires static org.jspecify;

    exports org.percpu.bindings.sim;

    provides org.percpu.bindings.spi.LinuxCallsProvider with
            org.percpu.bindings.sim.SimProvider;
}
