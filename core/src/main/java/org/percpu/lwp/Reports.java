// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.lwp;

import java.util.function.Consumer;
import java.util.function.Supplier;
import org.percpu.events.Events;

/** Where a kernel prints, and where it reports callbacks that threw. No method throws, because workers call them. */
public final class Reports {
    /** Is told of a callback that threw. */
    @FunctionalInterface
    public interface Faults {
        /**
         * A callback threw.
         *
         * @param queue name of the queue or thread
         * @param item the work or task
         * @param thrown what it threw
         */
        void callbackThrew(String queue, Object item, Throwable thrown);
    }

    private final String kernel;
    private final Consumer<String> console;
    private final Faults faults;
    private final boolean strict;

    /**
     * The places of one kernel.
     *
     * @param kernel its name
     * @param console takes a line at a time, from any thread
     * @param faults is told of callbacks that threw
     * @param strict whether {@link #strict} prints
     */
    public Reports(String kernel, Consumer<String> console, Faults faults, boolean strict) {
        this.kernel = kernel;
        this.console = console;
        this.faults = faults;
        this.strict = strict;
    }

    /**
     * Prints a line as the kernel's printf does.
     *
     * @param line without a line end
     */
    public void console(String line) {
        try {
            console.accept(line);
        } catch (Throwable t) {
            LastWord.log("the console of kernel ", kernel, " failed; it was to print: ", line, t);
        }
    }

    /**
     * Whether the kernel is strict.
     *
     * @return as given
     */
    public boolean isStrict() {
        return strict;
    }

    /**
     * The name of an object of the owner's, whose code may throw.
     *
     * @param item a work, a task or a timer
     * @return what it calls itself; its class and the exception if it throws one
     */
    public static String nameOf(Object item) {
        try {
            return String.valueOf(item);
        } catch (RuntimeException e) {
            return item.getClass().getName() + " (its name throws " + e + ")";
        }
    }

    /** Prints a line if the kernel is strict. */
    void strict(Supplier<String> line) {
        if (strict) {
            console(line.get());
        }
    }

    /**
     * Reports a callback that threw.
     *
     * @param queue name of the queue or thread
     * @param item the work or task
     * @param thrown what it threw
     */
    public void fault(String queue, Object item, Throwable thrown) {
        Lwp caller = null;
        try {
            caller = Lwp.current();
            if (caller != null) {
                caller.over = true;
            }
            Events.fault(queue, nameOf(item), thrown);
            faults.callbackThrew(queue, item, thrown);
        } catch (Throwable t) {
            LastWord.log("the fault handler of kernel ", kernel, " failed; it was told what this tells: ", queue, t);
            LastWord.log("a callback of ", queue, " threw, item: ", item, thrown);
        } finally {
            if (caller != null) {
                caller.over = false;
            }
        }
    }
}
