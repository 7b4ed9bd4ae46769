// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.percpu.cpu.MountTable.Mount;

/** Which mounts a path still leads to. */
class MountTableTest {
    private static void assertVisible(String table, Integer... ids) {
        assertThat(new MountTable(table).visible(mount -> mount.type().equals("cgroup2")))
                .extracting(Mount::id)
                .containsExactly(ids);
    }

    @Test
    @DisplayName("A mount over another one's root hides it")
    void aMountOverAnothersRootHidesIt() {
        assertVisible("""
                20 1 8:1 / / rw - ext4 /dev/sda rw
                25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                26 25 0:22 /x /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                """, 26);
    }

    @Test
    @DisplayName("Of two mounts at one place the later one is seen, also where the parent is not in the table")
    void ofTwoMountsAtOnePlaceTheLaterIsSeen() {
        assertVisible("""
                25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                26 20 0:22 /x /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                """, 26);
        assertVisible("""
                25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                26 77 0:22 /x /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                """, 26);
    }

    @Test
    @DisplayName("A mount over a folder on the way hides what lies below it")
    void aMountOnTheWayHidesWhatLiesBelow() {
        assertVisible("""
                20 1 8:1 / / rw - ext4 /dev/sda rw
                21 20 0:20 / /sys rw - sysfs sysfs rw
                25 21 0:22 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
                26 21 0:40 / /sys/fs rw - tmpfs tmpfs rw
                """);
        assertVisible("""
                20 1 8:1 / / rw - ext4 /dev/sda rw
                21 20 0:20 / /sys rw - sysfs sysfs rw
                25 21 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                26 21 0:20 / /sys rw - sysfs sysfs rw
                27 26 0:22 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw
                """, 27);
    }

    @Test
    @DisplayName(
            "A parent that stands behind its children in the table, as after a boot from an initial ramdisk, hides nothing")
    void aParentBehindItsChildrenHidesNothing() {
        assertVisible("""
                22 28 0:21 / /sys rw - sysfs sysfs rw
                25 22 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                28 1 253:0 / / rw - ext4 /dev/vda rw
                """, 25);
    }

    @Test
    @DisplayName("Neighbours and folders whose names only begin alike hide nothing")
    void neighboursHideNothing() {
        assertVisible("""
                20 1 8:1 / / rw - ext4 /dev/sda rw
                25 20 0:22 / /sys/fs/cgroup\\040two rw - cgroup2 cgroup2 rw
                26 20 0:22 / /sys/fs/cgroup rw - tmpfs cgroup rw
                27 26 0:22 / /sys/fs/cgroup/inside rw - tmpfs cgroup rw
                x
                28 - cgroup2
                """, 25);
    }
}
