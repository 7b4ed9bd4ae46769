// SPDX-License-Identifier: BSD-2-Clause
/** The C functions that percpu uses, as one Java interface, and the choice among its implementations. */
module org.percpu.bindings.spi {
    requires static transitive org.jspecify;

    exports org.percpu.bindings.spi;

    uses org.percpu.bindings.spi.LinuxCallsProvider;
}
