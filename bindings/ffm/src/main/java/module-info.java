// SPDX-License-Identifier: BSD-2-Clause
/**
 * The backend over the foreign function API, Java 23 and newer. Nothing is exported: it is found by
 * {@link java.util.ServiceLoader}. All restricted calls of percpu on this backend are made by this module, so
 * {@code --enable-native-access=org.percpu.bindings.ffm} is the one name to give.
 */
module org.percpu.bindings.ffm {
    requires org.percpu.bindings.spi;
    requires static org.jspecify;

    provides org.percpu.bindings.spi.LinuxCallsProvider with
            org.percpu.bindings.ffm.FfmProvider;
}
