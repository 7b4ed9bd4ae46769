// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bench;

/** An item of all who take Runnables: the caller's object, with its data, which is where the run is counted. */
final class Payload implements Runnable {
    private Sink sink;

    Payload(Sink sink) {
        this.sink = sink;
    }

    /** One for each slot of each producer's ring. */
    static Payload[][] rings(Contender.Setup setup) {
        Payload[][] items = new Payload[setup.sinks().size()][Sink.RING];
        for (int producer = 0; producer < items.length; producer++) {
            Sink sink = setup.sinks().get(producer);
            for (int i = 0; i < Sink.RING; i++) {
                items[producer][i] = new Payload(sink);
            }
        }
        return items;
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
