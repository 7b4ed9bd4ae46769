// SPDX-License-Identifier: BSD-2-Clause
/**
 * The JNA backend. Nothing is exported: it is found by {@link java.util.ServiceLoader}.
 *
 * <p>{@code com.sun.jna} is the name of {@code net.java.dev.jna:jna} as an automatic module, and of {@code jna-jpms} as
 * a real one; either will do. The former does not need {@code java.desktop} but cannot say that it needs
 * {@code java.logging}, so this module says it.
 */
module org.percpu.bindings.jna {
    requires com.sun.jna;
    requires java.logging;
    requires org.percpu.bindings.spi;
    requires static org.jspecify;

    provides org.percpu.bindings.spi.LinuxCallsProvider with
            org.percpu.bindings.jna.JnaProvider;
}
