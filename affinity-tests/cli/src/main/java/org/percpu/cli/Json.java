// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A JSON object under construction; keys keep their order. Values are strings, numbers, booleans, lists and other objects. */
final class Json {
    private final Map<String, @Nullable Object> members = new LinkedHashMap<>();

    Json put(String key, @Nullable Object value) {
        members.put(key, value instanceof Json json ? json.members : value);
        return this;
    }

    /** The members, for use inside a list. */
    Map<String, @Nullable Object> members() {
        return members;
    }

    /** Prints the object. On a simulated machine its first member says so. */
    void print(PrintStream out) {
        Map<String, @Nullable Object> all = members;
        if (Simulation.active()) {
            all = new LinkedHashMap<>();
            all.put("simulated", Simulation.machine());
            all.putAll(members);
        }
        try {
            out.println(JSON.std
                    .with(JSON.Feature.PRETTY_PRINT_OUTPUT, JSON.Feature.WRITE_NULL_PROPERTIES)
                    .asString(all));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
