// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import org.percpu.linux.ThreadRoom;

/** Prints whether there is room for 200 and for 300 threads. */
final class ThreadRoomProbe {
    private ThreadRoomProbe() {}

    public static void main(String[] none) {
        System.out.println("200: " + ThreadRoom.whyNot(200));
        System.out.println("300: " + ThreadRoom.whyNot(300));
    }
}
