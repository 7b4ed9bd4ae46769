// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The mounts of a process, proc_pid_mountinfo(5), and which of these mounts a path still leads to. */
final class MountTable {
    private static final int FIELDS = 6;

    /**
     * One mount. Paths have a char for each byte.
     *
     * @param root the folder of the file system that is seen at the mount point
     * @param point the mount point
     * @param type of the file system
     * @param options of the file system, with commas between them
     */
    record Mount(int id, int parent, String root, String point, String type, String options) {
        /** Each line is a mount of its own. */
        @Override
        public boolean equals(@Nullable Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return id;
        }

        boolean has(String option) {
            return ("," + options + ",").contains("," + option + ",");
        }

        /** Tells whether the way to a path leads through this mount point. */
        private boolean isOnTheWayTo(String path) {
            return path.equals(point) || path.startsWith(point.equals("/") ? "/" : point + "/");
        }
    }

    private final List<Mount> mounts = new ArrayList<>();

    MountTable(String mountinfo) {
        for (String line : mountinfo.split("\n", -1)) {
            Mount mount = mount(line);
            if (mount != null) {
                mounts.add(mount);
            }
        }
    }

    /** Reads for example: 34 31 0:31 /group /mount/point rw,relatime shared:9 - type source super,options. */
    private static @Nullable Mount mount(String line) {
        int separator = line.indexOf(" - ");
        String[] fields = line.split(" ", -1);
        if (separator < 0 || fields.length < FIELDS) {
            return null;
        }
        String[] filesystem = line.substring(separator + 3).split(" ", -1);
        try {
            return new Mount(
                    Integer.parseInt(fields[0]),
                    Integer.parseInt(fields[1]),
                    unescape(fields[3]),
                    unescape(fields[4]),
                    filesystem[0],
                    filesystem[filesystem.length - 1]);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static final class Octal {
        static final Pattern DIGITS = Pattern.compile("\\\\([0-7]{3})");
    }

    /** Blanks and backslashes of a path stand as octal numbers. */
    private static String unescape(String field) {
        if (field.indexOf('\\') < 0) {
            return field;
        }
        return Octal.DIGITS
                .matcher(field)
                .replaceAll(match -> Matcher.quoteReplacement(
                        Character.toString((char) (Integer.parseInt(match.group(1), 8) & 0xFF))));
    }

    /** The mounts of some sort that nothing covers, in the order of the table. */
    List<Mount> visible(Predicate<Mount> which) {
        List<Mount> visible = new ArrayList<>();
        for (Mount mount : mounts) {
            if (which.test(mount) && !covered(mount)) {
                visible.add(mount);
            }
        }
        return visible;
    }

    /**
     * A mount is out of reach if another mount covers its root, or a folder on the way to it. The parents give the way.
     * The order of the table alone says little, because mounts are moved when a system boots.
     */
    private boolean covered(Mount mount) {
        List<Mount> way = new ArrayList<>(List.of(mount)); // from the mount upwards
        for (Mount parent = parent(mount); parent != null && !way.contains(parent); parent = parent(parent)) {
            way.add(parent);
        }
        for (Mount other : mounts) {
            if (way.contains(other) || !other.isOnTheWayTo(mount.point)) {
                continue;
            }
            int parent = way.size(); // the place of the other one's parent on the way
            while (parent > 0 && way.get(parent - 1).id != other.parent) {
                parent--;
            }
            parent--;
            if (parent == 0) {
                return true; // its parent is the mount itself
            }
            if (parent < 0 && parent(other) != null) {
                continue; // its parent is elsewhere
            }
            // The mount on the way that has the same parent; the topmost mount where the table lacks the parents.
            Mount next = way.get((parent < 0 ? way.size() : parent) - 1);
            if (other.isOnTheWayTo(next.point) && mounts.lastIndexOf(other) > mounts.lastIndexOf(next)) {
                return true;
            }
        }
        return false;
    }

    private @Nullable Mount parent(Mount mount) {
        for (Mount other : mounts) {
            if (other.id == mount.parent && !other.equals(mount)) {
                return other;
            }
        }
        return null;
    }
}
