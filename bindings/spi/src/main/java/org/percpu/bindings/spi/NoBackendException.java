// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** No backend works in this process. The message lists each one that was found or expected, with its reason. */
public final class NoBackendException extends UnsupportedOperationException {
    private static final long serialVersionUID = 1L;
    private static final String BEFORE_REMEDY = "; ";

    /** The remedies of the backends that name one. */
    private final String[] remedies;

    NoBackendException(String message, Map<String, String> reasons) {
        super(message);
        List<String> found = new ArrayList<>();
        reasons.forEach((name, reason) -> {
            int remedy = reason.indexOf(BEFORE_REMEDY);
            if (remedy >= 0) {
                found.add(name + ": " + reason.substring(remedy + BEFORE_REMEDY.length()));
            }
        });
        remedies = found.toArray(new String[0]);
    }

    /**
     * The remedies that the backends themselves give.
     *
     * @return name of the backend and remedy; empty if there is no backend, or no backend names a remedy
     */
    public List<String> remedies() {
        return List.of(remedies);
    }
}
