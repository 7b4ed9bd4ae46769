// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.sim;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.sim.SimMachine;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxCallsProvider;
import org.percpu.bindings.spi.Tasks;

/** The simulated machine behind a counter of all calls. It is used where a service file names it. */
public final class CountingProvider implements LinuxCallsProvider {
    private static final AtomicLong CALLS = new AtomicLong();

    /** For {@link java.util.ServiceLoader}. */
    public CountingProvider() {}

    /** How many calls were made so far, reads of the threads' files included. */
    static long calls() {
        return CALLS.get();
    }

    @Override
    public String name() {
        return "sim";
    }

    @Override
    public int order() {
        return 0;
    }

    @Override
    public LinuxCalls open() {
        LinuxCalls calls = SimMachine.ofProcess().calls();
        Tasks tasks = counted(Tasks.class, calls.tasks(), null);
        return counted(LinuxCalls.class, calls, tasks);
    }

    private static <T> T counted(Class<T> type, T target, @Nullable Tasks tasks) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, args) -> {
            if (tasks != null && method.getName().equals("tasks")) {
                return tasks;
            }
            CALLS.incrementAndGet();
            try {
                return method.invoke(target, args);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        }));
    }
}
