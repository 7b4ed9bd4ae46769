// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

/** An item of all who take Runnables: the caller's object, with its data, which is where the run is counted. */
final class Payload implements Runnable {
    private Sink sink;

    Payload(Sink sink) {
        this.sink = sink;
    }

    /** The caller writes its data. */
    void fill(Sink data) {
        sink = data;
    }

    @Override
    public void run() {
        sink.ran();
    }
}
