// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

/** Whole numbers as options give them. */
final class Numbers {
    private Numbers() {}

    static long parse(String option, String text, long least, long most) {
        try {
            long number = Long.parseLong(text);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // The sentence below serves both.
        }
        throw new BadInput(option + " '" + text + "': write a whole number from " + least + " to " + most);
    }
}
