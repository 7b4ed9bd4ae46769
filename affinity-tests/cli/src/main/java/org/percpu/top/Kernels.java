// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.top;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.management.ObjectName;
import javax.management.openmbean.CompositeData;
import org.jspecify.annotations.Nullable;

/** What the kernels of a process show at one moment, as maps and lists with the names of the attributes. */
public final class Kernels {
    private static final List<String> ATTRIBUTES =
            List.of("Name", "Cpus", "Timing", "LockHolder", "Stalls", "Workers", "Threads", "Clocks");

    private Kernels() {}

    /**
     * Reads all of them.
     *
     * @param target the process
     * @return one map for each kernel
     * @throws NoAnswer if the process does not tell
     */
    public static List<Map<String, @Nullable Object>> read(Target target) throws NoAnswer {
        List<Map<String, @Nullable Object>> kernels = new ArrayList<>();
        for (ObjectName name : target.kernels()) {
            Map<String, @Nullable Object> kernel = new LinkedHashMap<>();
            kernel.put("id", Long.parseLong(name.getKeyProperty("id")));
            for (String attribute : ATTRIBUTES) {
                String key = Character.toLowerCase(attribute.charAt(0)) + attribute.substring(1);
                kernel.put(key, plain(target.get(name, attribute)));
            }
            kernels.add(kernel);
        }
        return kernels;
    }

    private static @Nullable Object plain(@Nullable Object value) {
        if (value instanceof CompositeData data) {
            Map<String, @Nullable Object> members = new TreeMap<>();
            for (String key : data.getCompositeType().keySet()) {
                members.put(key, plain(data.get(key)));
            }
            return members;
        }
        List<@Nullable Object> list = new ArrayList<>();
        if (value instanceof Object[] many) {
            for (Object one : many) {
                list.add(plain(one));
            }
            return list;
        }
        if (value instanceof long[] many) {
            for (long one : many) {
                list.add(one);
            }
            return list;
        }
        if (value instanceof int[] many) {
            for (int one : many) {
                list.add((long) one);
            }
            return list;
        }
        return value;
    }

    /**
     * A list of maps in a map, such as the workers of a kernel.
     *
     * @param map of {@link #read}
     * @param key its name
     * @return empty if there is none
     */
    @SuppressWarnings("unchecked") // made above
    public static List<Map<String, @Nullable Object>> list(Map<String, @Nullable Object> map, String key) {
        return map.get(key) instanceof List<?> list ? (List<Map<String, @Nullable Object>>) list : List.of();
    }

    /**
     * A map in a map.
     *
     * @param map of {@link #read}
     * @param key its name
     * @return empty if there is none
     */
    @SuppressWarnings("unchecked") // made above
    public static Map<String, @Nullable Object> map(Map<String, @Nullable Object> map, String key) {
        return map.get(key) instanceof Map<?, ?> inner ? (Map<String, @Nullable Object>) inner : Map.of();
    }

    /**
     * A number in a map.
     *
     * @param map of {@link #read}
     * @param key its name
     * @return 0 if there is none
     */
    public static long number(Map<String, @Nullable Object> map, String key) {
        return map.get(key) instanceof Number number ? number.longValue() : 0;
    }

    /**
     * A text in a map, for a terminal.
     *
     * @param map of {@link #read}
     * @param key its name
     * @return empty if there is none
     */
    public static String text(Map<String, @Nullable Object> map, String key) {
        Object value = map.get(key);
        return value == null ? "" : Plain.text(value.toString());
    }
}
