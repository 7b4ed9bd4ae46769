// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bench;

import com.lmax.disruptor.BlockingWaitStrategy;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.dsl.Disruptor;
import com.lmax.disruptor.dsl.ProducerType;
import org.jspecify.annotations.Nullable;

/** A Disruptor whose events carry a Runnable. */
final class DisruptorContender extends PayloadContender {
    private static final class Event {
        @Nullable
        Runnable item;
    }

    private final Disruptor<Event> disruptor;
    private final RingBuffer<Event> ring;

    private DisruptorContender(Setup setup, WaitStrategy strategy) {
        super(setup);
        // Room for what all producers may have in flight: publishing never waits for the worker.
        disruptor = new Disruptor<>(
                Event::new, 2 * Sink.RING, new PinnedThreads(setup.workerCpu()), ProducerType.MULTI, strategy);
        disruptor.handleEventsWith((event, sequence, endOfBatch) -> {
            Runnable item = event.item;
            if (item != null) {
                item.run();
            }
        });
        ring = disruptor.start();
    }

    static Contender busySpin(Setup setup) {
        return new DisruptorContender(setup, new BusySpinWaitStrategy());
    }

    static Contender blocking(Setup setup) {
        return new DisruptorContender(setup, new BlockingWaitStrategy());
    }

    @Override
    void submit(int producer, int index) {
        long sequence = ring.next();
        ring.get(sequence).item = items[producer][index];
        ring.publish(sequence);
    }

    @Override
    public void close() {
        disruptor.shutdown();
    }
}
