// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.queue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.percpu.lwp.Deadline;

/** The works that the worker of a serial queue has taken and not started, when the queue is dropped. */
final class DroppedBatch {
    private final SerialQueue queue;
    private final Batch batch;

    /** Decides which thread hands back the rest of the batch when the queue is dropped. */
    private final AtomicBoolean handedOver = new AtomicBoolean();

    /** Items of the batch that were taken back and not yet handed out, newest first; guarded by released. */
    private List<Item> releasedBatch = new ArrayList<>();

    private boolean givingUp; // only the worker uses it: what an error has left to do

    DroppedBatch(SerialQueue queue) {
        this.queue = queue;
        this.batch = queue.batch;
    }

    void take(Deadline grace) {
        if (queue.await(queue::ended, grace.left())) {
            return;
        }
        // The worker writes `inQueue` and `unstarted` without a fence. await() puts a fence into the worker's thread
        // before it looks. Where await() cannot do that, the writes have had the time of grace to become visible. A
        // worker that has a batch and is outside its callbacks waits for nothing but its CPU.
        boolean out = queue.await(() -> queue.ended() || !batch.inQueue || !batch.unstarted, Deadline.FOREVER);
        assert out;
        if (!queue.ended() && !batch.unstarted) {
            return;
        }
        if (handedOver.compareAndSet(false, true)) {
            releaseBatch();
            return;
        }
        // If the caller is the worker, in a callback, then another thread releases the batch.
        if (!queue.isWorker()) {
            boolean ended = queue.await(queue::ended, Deadline.FOREVER);
            assert ended;
        }
    }

    /** Worker: gives its batch up; `oldest` is the batch's oldest item. After an error the worker calls this again. */
    void giveUp(Item oldest) {
        if (givingUp || handedOver.compareAndSet(false, true)) {
            givingUp = true;
            // The item that ran before this one is no longer the queue's.
            oldest.older = null;
            releaseBatch();
            return;
        }
        // Another thread hands the batch back. It may not have begun, and a worker that ends forgets its batch.
        synchronized (queue.doorbell) {
            if (oldest.owner == queue.number) {
                oldest.older = null;
                releaseUnstarted();
            }
        }
    }

    /**
     * Releases the batch from the newest item to the oldest. It stops before the item that runs, whose links are no
     * longer the queue's.
     */
    private void releaseBatch() {
        synchronized (queue.doorbell) {
            releaseUnstarted();
        }
    }

    private void releaseUnstarted() {
        synchronized (queue.released) {
            for (Item item = queue.worker.batch;
                    item != null && item.owner == queue.number;
                    item = queue.worker.batch) {
                Item older = item.older;
                boolean added = releasedBatch.add(item);
                assert added;
                queue.deleted(item);
                queue.worker.batch = older;
                ItemQueue.free(item);
            }
        }
    }

    /** The batch is older than what came from the inbox, and was released from its newest item on. */
    Item[] handOut() {
        synchronized (queue.released) {
            int batch = releasedBatch.size();
            int later = queue.released.size();
            Item[] items = new Item[batch + later];
            for (int i = 0; i < batch; i++) {
                items[i] = releasedBatch.get(batch - 1 - i);
            }
            for (int i = 0; i < later; i++) {
                items[batch + i] = queue.released.get(i);
            }
            List<Item> none = new ArrayList<>();
            queue.released.clear();
            // No call follows: an error in it would lose the items.
            releasedBatch = none;
            return items;
        }
    }
}
