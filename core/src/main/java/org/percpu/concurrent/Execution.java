// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.concurrent;

import org.percpu.queue.Item;

/** A Runnable on its way through a queue. */
final class Execution extends Item {
    final Runnable command;

    Execution(Runnable command) {
        this.command = command;
    }

    @Override
    public String toString() {
        return String.valueOf(command);
    }
}
