// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.linux;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.ForkJoinPool;
import org.jspecify.annotations.Nullable;

/** Checks and set-up for virtual threads (Java 21), in code that also runs on Java 17. */
public final class VirtualThreads {
    private static final @Nullable MethodHandle IS_VIRTUAL = find("isVirtual", false, boolean.class);
    private static final @Nullable MethodHandle START = find("startVirtualThread", true, Thread.class, Runnable.class);

    private static volatile boolean warm;

    private VirtualThreads() {}

    private static @Nullable MethodHandle find(String name, boolean isStatic, Class<?> result, Class<?>... parameters) {
        MethodType type = MethodType.methodType(result, parameters);
        try {
            return isStatic
                    ? MethodHandles.publicLookup().findStatic(Thread.class, name, type)
                    : MethodHandles.publicLookup().findVirtual(Thread.class, name, type);
        } catch (NoSuchMethodException | IllegalAccessException e) {
            return null;
        }
    }

    /**
     * Refuses virtual threads. There the kernel would act on the carrier, which other virtual threads share.
     *
     * @param what for the message, such as {@code "setting a mask"}
     * @throws UnsupportedOperationException on a virtual thread
     */
    public static void refuse(String what) {
        if (isVirtual(Thread.currentThread())) {
            throw new UnsupportedOperationException(what + " on virtual thread " + Thread.currentThread()
                    + " would change its carrier: call it from a platform thread, for example a CpuThread");
        }
    }

    private static boolean isVirtual(Thread thread) {
        if (IS_VIRTUAL == null) {
            return false;
        }
        try {
            return (boolean) IS_VIRTUAL.invokeExact(thread);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
    }

    /**
     * Sizes the common pool and creates the virtual-thread scheduler before the first thread is pinned. Both ask for
     * the number of processors of the thread that first uses them. On a pinned thread that number is 1, and it stays 1
     * for the JVM's life.
     */
    public static void warmSchedulers() {
        if (!warm) {
            warm();
        }
    }

    private static synchronized void warm() {
        if (warm) {
            return;
        }
        int parallelism = ForkJoinPool.getCommonPoolParallelism();
        assert parallelism >= 0;
        if (START != null) {
            try {
                Thread thread = (Thread) START.invokeExact((Runnable) () -> {});
                assert thread != null;
            } catch (OutOfMemoryError e) {
                // No thread could be made for the scheduler. The caller's own start reports that, and the next start
                // comes here again.
                return;
            } catch (LinkageError e) {
                // The initialiser of the JDK's class failed earlier: this process has no virtual threads any more.
                warm = true;
                return;
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable t) {
                throw new AssertionError(t);
            }
        }
        warm = true;
    }
}
