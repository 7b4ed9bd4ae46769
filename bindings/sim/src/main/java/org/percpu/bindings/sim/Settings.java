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
 * @param threads how many threads the machine allows
 * @param faults what goes wrong
 * @param virtualTime whether the clock moves only when it is told to
 * @param membarrier whether there is a membarrier(2)
 */
record Settings(
        String machine,
        @Nullable String mask,
        @Nullable String cpuset,
        int rtprio,
        int threads,
        Faults faults,
        boolean virtualTime,
        boolean membarrier) {
    static final int MAX_PRIORITY = 99;

    private static final int MANY_THREADS = 10_000;
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
                number("percpu.sim.rtprio", MAX_PRIORITY, 0, MAX_PRIORITY),
                number("percpu.sim.threads", MANY_THREADS, 1, Integer.MAX_VALUE),
                Faults.parse(System.getProperty("percpu.sim.faults", "")),
                isSecond("percpu.sim.time", "real", "virtual", false),
                isSecond("percpu.sim.membarrier", "no", "yes", true));
    }

    /** Those of a machine with no relation to the process. */
    static Settings of(String machine, Faults faults, boolean virtualTime) {
        return new Settings(machine, null, null, MAX_PRIORITY, MANY_THREADS, faults, virtualTime, true);
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

    private static int number(String property, int unset, int least, int most) {
        String text = System.getProperty(property, Integer.toString(unset));
        try {
            int number = Integer.parseInt(text);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new IllegalArgumentException(
                "-D" + property + "=" + text + ": write a number from " + least + " to " + most);
    }
}
