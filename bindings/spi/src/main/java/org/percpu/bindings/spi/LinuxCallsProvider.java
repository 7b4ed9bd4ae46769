// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

/**
 * A backend as {@link java.util.ServiceLoader} finds it. Loading and constructing one has no side effect;
 * {@link #open()} touches native code.
 */
public interface LinuxCallsProvider {
    /**
     * The backend's name, as {@code -Dpercpu.backend} takes it.
     *
     * @return {@code ffm}, {@code jna} or {@code sim}
     */
    String name();

    /**
     * The backend's place in the order of preference.
     *
     * @return the provider with the lowest number that opens is used
     */
    int order();

    /**
     * Links the functions.
     *
     * @return the calls; each call of this method may return the same object
     * @throws UnsupportedOperationException if this backend cannot work here; the message is a clause that says why,
     *     followed by a semicolon and the remedy if there is one
     */
    LinuxCalls open();
}
