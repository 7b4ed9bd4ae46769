// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.sim;

import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/** The content of a file that can only be read. Not for several threads. */
final class ContentChannel implements SeekableByteChannel {
    private final byte[] content;
    private int position;
    private boolean closed;

    ContentChannel(byte[] content) {
        this.content = content;
    }

    @Override
    public int read(ByteBuffer target) {
        int length = Math.min(target.remaining(), content.length - position);
        if (length <= 0) {
            return target.hasRemaining() ? -1 : 0;
        }
        target.put(content, position, length);
        position += length;
        return length;
    }

    @Override
    public int write(ByteBuffer source) {
        throw new NonWritableChannelException();
    }

    @Override
    public long position() {
        return position;
    }

    @Override
    public SeekableByteChannel position(long newPosition) {
        position = (int) Math.min(newPosition, content.length);
        return this;
    }

    @Override
    public long size() {
        return content.length;
    }

    @Override
    public SeekableByteChannel truncate(long size) {
        throw new NonWritableChannelException();
    }

    @Override
    public boolean isOpen() {
        return !closed;
    }

    @Override
    public void close() {
        closed = true;
    }
}
