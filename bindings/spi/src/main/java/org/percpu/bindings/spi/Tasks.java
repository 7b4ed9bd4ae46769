// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

import java.io.IOException;

/** What the kernel shows of the threads of this process in the files of {@code /proc/self/task}. */
public interface Tasks {
    /**
     * The threads that there are.
     *
     * @return kernel thread ids, in no order
     * @throws IOException if the kernel does not show them
     */
    int[] all() throws IOException;

    /**
     * Whether there is such a thread.
     *
     * @param tid kernel thread id
     * @return false too where the kernel does not show it
     */
    boolean exists(int tid);

    /**
     * Reads a file of a thread.
     *
     * @param tid kernel thread id
     * @param file its name, such as {@code stat}, {@code status} or {@code comm}
     * @return its content, a character for each byte
     * @throws IOException if there is no such thread or file
     */
    String read(int tid, String file) throws IOException;
}
