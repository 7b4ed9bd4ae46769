// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.scarce;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.kernel.Kernel;
import org.percpu.tests.support.Bounded;

/** Fills the native memory and gives ever more of it back, until it is enough. Run with 4 MB of it. */
final class ScarceMemory {
    /** Less than a thread needs, so that no k is passed over. */
    private static final int SPARE = 448;

    private static final int SPARES = 16;
    private static final int LEAST = 32;

    private ScarceMemory() {}

    public static void main(String[] args) throws ReflectiveOperationException {
        Maker maker = Maker.valueOf(args[0]);
        Kernel kernel = Kernel.builder("scarce")
                .console(System.out::println)
                .pinWatch(Duration.ZERO)
                .stallAfter(Duration.ZERO)
                .build();
        maker.makeUseAndEnd(kernel);
        List<ByteBuffer> spares = new ArrayList<>();
        for (int i = 0; i < SPARES; i++) {
            spares.add(ByteBuffer.allocateDirect(SPARE));
        }
        List<ByteBuffer> filling = fill();
        Set<String> refusals = new TreeSet<>();
        for (ByteBuffer spare : spares) {
            try {
                maker.makeUseAndEnd(kernel);
                for (int k = 1; k <= maker.threads(kernel); k++) {
                    String missing = maker.missing(kernel, k);
                    assertThat(refusals).as(missing).anyMatch(message -> message.contains(missing));
                }
                System.out.println("created in the end");
                System.exit(filling.isEmpty() ? 1 : 0);
            } catch (ErrnoException e) {
                System.out.println(e.getMessage());
                assertThat(e.errno()).isEqualTo(Errno.ENOMEM);
                assertThat(e.getMessage()).contains(Maker.NAME);
                refusals.add(e.getMessage());
                assertThat(kernel.queues()).isEmpty();
                Bounded.until("no thread is left", () -> kernel.lwps().isEmpty());
            }
            free(spare);
        }
        throw new AssertionError("never enough");
    }

    /** Takes all native memory that a direct buffer can get. */
    private static List<ByteBuffer> fill() {
        List<ByteBuffer> filling = new ArrayList<>();
        for (int size = 1 << 20; size >= LEAST; size /= 8) {
            try {
                while (true) {
                    filling.add(ByteBuffer.allocateDirect(size));
                }
            } catch (OutOfMemoryError e) {
                assertThat(e).hasMessageContaining("direct buffer memory");
            }
        }
        return filling;
    }

    /** At once, without waiting for the collector. */
    private static void free(ByteBuffer buffer) throws ReflectiveOperationException {
        Class<?> type = Class.forName("sun.misc.Unsafe");
        Field field = type.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        Object unused = type.getMethod("invokeCleaner", ByteBuffer.class).invoke(field.get(null), buffer);
        assertThat(unused).isNull();
    }
}
