// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.io.FileNotFoundException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.percpu.bindings.spi.Tasks;

/** The files of the machine's threads, as proc(5) describes them; fields that nothing here simulates are 0. */
final class SimTasks implements Tasks {
    private static final int STATE = 3;
    private static final int NICE = 19;
    private static final int CPU = 39;
    private static final int RT_PRIORITY = 40;
    private static final int POLICY = 41;
    private static final int FIELDS = 52;

    private final SimMachine machine;

    SimTasks(SimMachine machine) {
        this.machine = machine;
    }

    @Override
    public int[] all() {
        return machine.allThreads().stream().mapToInt(thread -> thread.tid).toArray();
    }

    @Override
    public boolean exists(int tid) {
        return tid != 0 && machine.thread(tid) != null;
    }

    @Override
    public String read(int tid, String file) throws FileNotFoundException {
        SimThread thread = tid == 0 ? null : machine.thread(tid);
        if (thread == null) {
            throw new FileNotFoundException("the simulated machine has no thread " + tid);
        }
        return switch (file) {
            case "comm" -> comm(thread) + "\n";
            case "stat" -> stat(thread);
            case "status" -> status(thread);
            default -> throw new FileNotFoundException("the simulated machine has no file task/" + tid + "/" + file);
        };
    }

    /** A character for each byte of the name. */
    private String comm(SimThread thread) {
        synchronized (machine) {
            return new String(thread.name.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
        }
    }

    private String stat(SimThread thread) {
        List<String> fields = new ArrayList<>(Collections.nCopies(FIELDS + 1 - STATE, "0"));
        fields.set(0, String.valueOf(thread.state()));
        synchronized (machine) {
            fields.set(NICE - STATE, Integer.toString(thread.nice));
            fields.set(RT_PRIORITY - STATE, Integer.toString(thread.priority));
            fields.set(POLICY - STATE, Integer.toString(thread.policy));
        }
        fields.set(CPU - STATE, Integer.toString(thread.lastCpu()));
        return thread.tid + " (" + comm(thread) + ") " + String.join(" ", fields) + "\n";
    }

    private String status(SimThread thread) {
        return "Name:\t" + comm(thread) + "\nState:\t" + thread.state() + "\nPid:\t" + thread.tid + "\nSigBlk:\t"
                + hex(machine.signals().blocked(thread)) + "\nSigIgn:\t" + hex(0) + "\nSigCgt:\t"
                + hex(machine.signals().handled())
                + "\nCpus_allowed_list:\t" + machine.maskOf(thread.tid) + "\n";
    }

    private static String hex(long bits) {
        return String.format("%016x", bits);
    }
}
