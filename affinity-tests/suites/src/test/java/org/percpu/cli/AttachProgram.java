// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import org.percpu.top.NoAnswer;
import org.percpu.top.Target;

/** Attaches to a process, with nothing else on the class path, because another user may not read the folder of libraries. */
final class AttachProgram {
    private AttachProgram() {}

    /** Prints why it cannot. */
    @SuppressWarnings("try") // to attach is all there is to do
    public static void main(String[] args) {
        try (Target target = Target.attach(Long.parseLong(args[0]))) {
            System.out.println("attached: " + args[0]);
        } catch (NoAnswer e) {
            System.out.println(e.getMessage());
        }
    }
}
