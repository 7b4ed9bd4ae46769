// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import java.io.IOException;
import java.nio.file.Path;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Sched;

/** Asks for a real-time policy that is denied, while a recording runs, and prints the events. */
final class DeniedEvent {
    private DeniedEvent() {}

    public static void main(String[] args) throws IOException {
        Path file = Path.of(System.getProperty("java.io.tmpdir"), "denied.jfr");
        try (Recording recording = new Recording()) {
            recording.enable("org.percpu.PolicyDenied");
            recording.start();
            CpuThread thread =
                    CpuThread.builder("denied").sched(Sched.rr(5)).start(() -> System.out.println("runs all the same"));
            System.out.println("the thread is " + thread.tid());
            recording.stop();
            recording.dump(file);
        }
        for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
            // Others are recorded too: events are on unless they are turned off.
            if (!event.getEventType().getName().equals("org.percpu.PolicyDenied")) {
                continue;
            }
            System.out.println(event.getString("name") + " with tid " + event.getInt("tid") + " asked for "
                    + event.getString("asked") + ": " + event.getString("reason"));
        }
    }
}
