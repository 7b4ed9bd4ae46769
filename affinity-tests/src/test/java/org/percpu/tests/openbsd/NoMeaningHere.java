// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.openbsd;

import java.util.Map;
import java.util.TreeMap;

/** Rules and scenarios of the OpenBSD side that no test can show in user space, with the reason. */
public final class NoMeaningHere {
    private NoMeaningHere() {}

    /**
     * The rules.
     *
     * @return reason by rule id
     */
    public static Map<String, String> reasons() {
        Map<String, String> reasons = new TreeMap<>();
        reasons.put(
                "OTQ-29", "the last worker reads the flags of a queue that destroy has freed; there is no free here");
        reasons.put("OWQ-7", "growth on demand was left in OpenBSD 4.3; that threads are fixed is shown");
        reasons.put("OWQ-15", "a property of OpenBSD 4.2 and older; the later drain is shown");
        reasons.put("OKT-1", "fork from process 0 with shared memory: Java threads share one process by nature");
        reasons.put("S11/dynamic", "queues do not grow (OWQ-7), so only the fixed half of the scenario exists");
        return reasons;
    }
}
