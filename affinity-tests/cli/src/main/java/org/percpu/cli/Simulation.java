// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.sim.SimMachine;
import org.percpu.bindings.spi.Backend;
import picocli.CommandLine.ParseResult;

/** The simulated machine instead of the real one: who may use it, and what every answer says of it. */
final class Simulation {
    static final String OPTION = "--simulate";

    private static final String BACKEND = "sim";
    private static final String MACHINE = "percpu.sim";
    private static final Set<String> REAL_ONLY = Set.of("ipl", "soak", "compare", "timerlat");

    private Simulation() {}

    /** Whether this process runs on a simulated machine. No other way leads to one. */
    static boolean active() {
        return BACKEND.equals(System.getProperty(Backend.PROPERTY));
    }

    /** The machine, as it was named. */
    static String machine() {
        return SimMachine.ofProcess().description();
    }

    /** What stands above every table. */
    static String banner() {
        return "SIMULATED machine " + machine()
                + ": no CPU here is real, so nothing below proves a placement or a time";
    }

    /** Refuses a simulated machine to a command whose answer would pass for one about real CPUs. */
    static void admit(ParseResult command) {
        if (!active()) {
            return;
        }
        String name = command.commandSpec().name();
        String forced = "-D" + Backend.PROPERTY + "=" + BACKEND + " is a simulated machine";
        if (REAL_ONLY.contains(name)) {
            throw new BadInput(forced + " and " + name + " measures real CPUs: leave it out");
        }
        if (name.equals("run") && !command.hasMatchedOption(OPTION)) {
            throw new BadInput(forced + " and run proves placement on real CPUs: leave it out, or say " + OPTION);
        }
    }

    /**
     * Makes this process run on a machine, before anything has asked for a backend.
     *
     * @param machine its shape or its path; empty for what {@code -Dpercpu.sim} says
     */
    static void begin(String machine) {
        String forced = System.getProperty(Backend.PROPERTY);
        if (forced != null && !forced.equals(BACKEND)) {
            throw new BadInput(OPTION + " and -D" + Backend.PROPERTY + "=" + forced
                    + " exclude each other: leave one of them out");
        }
        @Nullable String named = System.getProperty(MACHINE);
        if (!machine.isEmpty()) {
            System.setProperty(MACHINE, machine);
        }
        System.setProperty(Backend.PROPERTY, BACKEND);
        try {
            SimMachine.ofProcess().root();
        } catch (IllegalArgumentException e) {
            restore(Backend.PROPERTY, forced);
            restore(MACHINE, named);
            throw new BadInput(OPTION + (machine.isEmpty() ? "" : " " + machine) + ": " + e.getMessage(), e);
        }
    }

    private static void restore(String property, @Nullable String value) {
        if (value == null) {
            System.clearProperty(property);
        } else {
            System.setProperty(property, value);
        }
    }
}
