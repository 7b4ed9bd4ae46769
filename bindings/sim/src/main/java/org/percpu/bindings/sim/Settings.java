// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import org.jspecify.annotations.Nullable;

/**
 * What a machine is made from.
 *
 * @param machine a shape or the path of a captured machine
 * @param mask the CPU list that the process may use at its start, null for all
 * @param cpuset the CPU list of the cpuset, null for all
 * @param rtprio RLIMIT_RTPRIO
 * @param faults what goes wrong
 * @param virtualTime whether the clock moves only when it is told to
 * @param membarrier whether there is a membarrier(2)
 */
record Settings(
        String machine,
        @Nullable String mask,
        @Nullable String cpuset,
        int rtprio,
        Faults faults,
        boolean virtualTime,
        boolean membarrier) {
    static final int MAX_PRIORITY = 99;

    private static final String DEFAULT_MACHINE = "4";

    /**
     * Those of the system properties.
     *
     * @throws IllegalArgumentException if a property is not understood; the message names it
     */
    static Settings ofProperties() {
        return new Settings(
                System.getProperty("percpu.sim", DEFAULT_MACHINE),
                System.getProperty("percpu.sim.mask"),
                System.getProperty("percpu.sim.cpuset"),
                rtprio(System.getProperty("percpu.sim.rtprio", Integer.toString(MAX_PRIORITY))),
                Faults.parse(System.getProperty("percpu.sim.faults", "")),
                isSecond("percpu.sim.time", "real", "virtual", false),
                isSecond("percpu.sim.membarrier", "no", "yes", true));
    }

    /** Those of a machine with no relation to the process. */
    static Settings of(String machine, Faults faults, boolean virtualTime) {
        return new Settings(machine, null, null, MAX_PRIORITY, faults, virtualTime, true);
    }

    private static boolean isSecond(String property, String first, String second, boolean unset) {
        String value = System.getProperty(property);
        if (value == null) {
            return unset;
        }
        if (!value.equals(first) && !value.equals(second)) {
            throw new IllegalArgumentException("-D" + property + "=" + value + ": write " + first + " or " + second);
        }
        return value.equals(second);
    }

    private static int rtprio(String text) {
        try {
            int limit = Integer.parseInt(text);
            if (limit >= 0 && limit <= MAX_PRIORITY) {
                return limit;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new IllegalArgumentException(
                "-Dpercpu.sim.rtprio=" + text + ": write a number from 0 to " + MAX_PRIORITY);
    }
}
