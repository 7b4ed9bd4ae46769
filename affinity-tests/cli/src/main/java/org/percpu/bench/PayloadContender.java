// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

/** A contender whose items are {@linkplain Payload Runnables}, made before anything is measured. */
abstract class PayloadContender extends Contender {
    /** One for each slot of each producer's ring. */
    final Payload[][] items;

    PayloadContender(Setup setup) {
        items = new Payload[setup.sinks().size()][Sink.RING];
        for (int producer = 0; producer < items.length; producer++) {
            Sink sink = setup.sinks().get(producer);
            for (int i = 0; i < Sink.RING; i++) {
                items[producer][i] = new Payload(sink);
            }
        }
    }

    @Override
    final void fill(int producer, int index, Sink data) {
        items[producer][index].fill(data);
    }
}
