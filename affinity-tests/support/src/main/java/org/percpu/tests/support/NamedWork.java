// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import org.percpu.netbsd.Work;

/** A work with a name for messages. */
public class NamedWork extends Work {
    private final String name;

    public NamedWork(String name) {
        this.name = name;
    }

    @Override
    public String toString() {
        return name;
    }
}
