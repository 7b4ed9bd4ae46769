// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.AnnotatedTypeVariable;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.lang.reflect.Proxy;
import java.lang.reflect.TypeVariable;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.percpu.bindings.spi.Argument;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.bindings.spi.ErrnoException;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.concurrent.CpuExecutor;
import org.percpu.concurrent.PerCpuExecutor;
import org.percpu.concurrent.PinnedThreadFactory;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.intr.NativeWork;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.ipl.Mutex;
import org.percpu.ipl.Spl;
import org.percpu.kernel.Condvar;
import org.percpu.kernel.FaultHandler;
import org.percpu.kernel.Kernel;
import org.percpu.kernel.Stall;
import org.percpu.netbsd.Callout;
import org.percpu.netbsd.DelayedWork;
import org.percpu.netbsd.Kthread;
import org.percpu.netbsd.Softint;
import org.percpu.netbsd.Work;
import org.percpu.netbsd.Workqueue;
import org.percpu.openbsd.DelayedTask;
import org.percpu.openbsd.DelayedWorkqTask;
import org.percpu.openbsd.Task;
import org.percpu.openbsd.Taskq;
import org.percpu.openbsd.Workq;
import org.percpu.openbsd.WorkqTask;
import org.percpu.tests.support.TestKernel;
import org.percpu.thread.CpuThread;
import org.percpu.thread.Sched;

/** Each public method and constructor of the library, called with null for each argument in turn that must not be null. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NullArgumentTest {
    private static final List<String> PACKAGES =
            List.of("bindings/spi", "cpu", "thread", "ipl", "intr", "kernel", "netbsd", "openbsd", "concurrent");
    private static final Pattern NAMED = Pattern.compile("(?<name>[a-z]\\w*) is null$");
    /** They promise never to throw: workers and interrupts have something to say. */
    private static final Set<String> NEVER_THROW = Set.of("Kernel.console", "Kernel.fault");

    private static final int LEAST_CALLS = 100;

    @RegisterExtension
    final TestKernel test = new TestKernel();

    private final Map<Class<?>, Object> values = new HashMap<>();
    private final List<String> wrong = new ArrayList<>();
    private int calls;

    private void fill() {
        Kernel kernel = test.get();
        Cpu cpu = kernel.cpus().get(0);
        Workqueue<Work> wq = test.workqueue("wq", 0, (work, arg) -> {});
        Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, 0);
        Workq workq = Workq.create(kernel, "workq", 1, Ipl.NONE);
        CpuThread thread = CpuThread.builder("thread").start(() -> {});
        DelayedTask delayed = new DelayedTask(kernel);
        delayed.set(arg -> {}, null);
        List<Object> all = List.of(
                kernel,
                cpu,
                wq,
                tq,
                workq,
                thread,
                kernel.topology(),
                CpuSet.of(cpu.id()),
                kernel.sleepq(),
                new Condvar(kernel, "cv"),
                Duration.ZERO,
                new Work(),
                new Task(),
                new WorkqTask(),
                new DelayedWork(kernel),
                delayed,
                new DelayedWorkqTask(kernel),
                Spl.current(),
                Receiver.current(),
                Mutex.netbsd("mutex", Ipl.NONE),
                wq.nativeWork(new Work(), null),
                Softint.establish(kernel, Softint.SOFTINT_NET, arg -> {}, null),
                new Callout(kernel, 0),
                org.percpu.openbsd.Timeout.initializer(kernel, arg -> {}, null),
                kernel.lwps().get(0),
                Kthread.create(kernel, -1, Kthread.KTHREAD_IDLE | Kthread.KTHREAD_MPSAFE, null, a -> {}, null, "idle"),
                Kernel.builder("k"),
                CpuThread.builder("t"),
                PinnedThreadFactory.builder("f"),
                PinnedThreadFactory.unpinned("f"),
                CpuExecutor.builder(kernel, "e"),
                CpuExecutor.builder(kernel, "e").build(),
                PerCpuExecutor.builder(kernel, "p"),
                PerCpuExecutor.builder(kernel, "p").build(),
                Sched.DEFAULT,
                new Stall("k", Stall.Kind.QUEUE, "q", null, Duration.ZERO, null, 0, -1, List.of(), "text"),
                Path.of("/"),
                "n",
                new IllegalStateException("thrown"),
                Set.of());
        all.forEach(value -> values.put(value.getClass(), value));
        values.put(LinuxCalls.class, Backend.linux());
        values.put(Lock.class, new ReentrantLock());
        values.put(FaultHandler.class, (FaultHandler) (queue, item, thrown) -> {});
        values.put(Thread.class, Thread.currentThread());
        values.put(Object.class, "object");
        values.put(int.class, 1);
        values.put(long.class, 0L);
        values.put(boolean.class, false);
        values.put(List.class, List.of());
    }

    private void tearDown() {
        ((NativeWork) value(NativeWork.class)).close();
        ((Softint) value(Softint.class)).disestablish();
        ((Kthread) value(Kthread.class)).destroy();
        ((Workqueue<?>) value(Workqueue.class)).destroy();
        ((Taskq) value(Taskq.class)).destroy();
        ((CpuExecutor) value(CpuExecutor.class)).close();
        ((PerCpuExecutor) value(PerCpuExecutor.class)).close();
        ((Workq) value(Workq.class)).destroy();
    }

    private Object value(Class<?> type) {
        Object known = values.get(type);
        if (known != null) {
            return known;
        }
        if (type.isEnum()) {
            return type.getEnumConstants()[type.getEnumConstants().length - 1];
        }
        if (type.isArray()) {
            return Array.newInstance(type.getComponentType(), 0);
        }
        for (Map.Entry<Class<?>, Object> entry : values.entrySet()) {
            if (type.isInstance(entry.getValue())) {
                return entry.getValue();
            }
        }
        if (type.isInterface()) {
            return Proxy.newProxyInstance(
                    NullArgumentTest.class.getClassLoader(), new Class<?>[] {type}, (proxy, method, args) -> null);
        }
        throw new AssertionError("this test needs a value of " + type);
    }

    private static boolean mayBeNull(AnnotatedType type) {
        if (type.isAnnotationPresent(Nullable.class)) {
            return true;
        }
        return type instanceof AnnotatedTypeVariable
                && Arrays.stream(((TypeVariable<?>) type.getType()).getAnnotatedBounds())
                        .anyMatch(bound -> bound.isAnnotationPresent(Nullable.class));
    }

    private void tryNulls(Executable called) throws IllegalAccessException, InstantiationException {
        Parameter[] parameters = called.getParameters();
        AnnotatedType[] types = called.getAnnotatedParameterTypes();
        List<String> names = new ArrayList<>();
        for (int i = 0; i < parameters.length; i++) {
            if (!parameters[i].getType().isPrimitive() && !mayBeNull(types[i])) {
                String name = tryNull(called, i);
                if (name == null || names.contains(name)) {
                    wrong.add(called + ", null for parameter " + (i + 1) + " is named " + name);
                }
                names.add(String.valueOf(name));
            }
        }
    }

    /** The name that the refusal tells. */
    private @Nullable String tryNull(Executable called, int at) throws IllegalAccessException, InstantiationException {
        calls++;
        Object[] arguments =
                Arrays.stream(called.getParameterTypes()).map(this::value).toArray();
        arguments[at] = null;
        try {
            Object result = called instanceof Method method
                    ? method.invoke(
                            Modifier.isStatic(method.getModifiers()) ? null : value(method.getDeclaringClass()),
                            arguments)
                    : ((Constructor<?>) called).newInstance(arguments);
            wrong.add(called + " takes null and returns " + result);
            return null;
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof ErrnoException refused && refused.errno() == Errno.EINVAL) {
                Matcher named = NAMED.matcher(String.valueOf(refused.getMessage()));
                return named.find() ? named.group("name") : null;
            }
            wrong.add(called + " throws " + e.getCause());
            return null;
        }
    }

    private static boolean isOurs(Executable called) {
        return Modifier.isPublic(called.getModifiers())
                && !Modifier.isAbstract(called.getModifiers())
                && !called.isSynthetic();
    }

    /** What a user can reach. Records and exceptions are made by the library, and enums have a valueOf of Java's. */
    private List<Executable> callable(Class<?> type) {
        List<Executable> found = new ArrayList<>();
        for (Class<?> outer = type; outer != null; outer = outer.getEnclosingClass()) {
            if (!Modifier.isPublic(outer.getModifiers())) {
                return found;
            }
        }
        // Argument is the check itself.
        if (Throwable.class.isAssignableFrom(type) || type == Argument.class) {
            return found;
        }
        for (Method method : type.getDeclaredMethods()) {
            boolean javas = method.getName().equals("equals")
                    || (type.isEnum() && method.getName().equals("valueOf"))
                    || isOfTheJdk(type, method);
            if (isOurs(method) && !javas && !NEVER_THROW.contains(type.getSimpleName() + "." + method.getName())) {
                found.add(method);
            }
        }
        if (!type.isRecord() && !Modifier.isAbstract(type.getModifiers())) {
            Arrays.stream(type.getDeclaredConstructors())
                    .filter(NullArgumentTest::isOurs)
                    .forEach(found::add);
        }
        return found;
    }

    /** Whether an interface of java.util.concurrent says what the method answers: that is a NullPointerException. */
    private static boolean isOfTheJdk(@Nullable Class<?> type, Method method) {
        if (type == null || type == Object.class) {
            return false;
        }
        for (Class<?> face : type.getInterfaces()) {
            if (isOfTheJdk(face, method)) {
                return true;
            }
        }
        return (type.getName().startsWith("java.util.concurrent.") && declares(type, method))
                || isOfTheJdk(type.getSuperclass(), method);
    }

    private static boolean declares(Class<?> type, Method method) {
        return Arrays.stream(type.getDeclaredMethods())
                .anyMatch(own -> own.getName().equals(method.getName())
                        && Arrays.equals(own.getParameterTypes(), method.getParameterTypes()));
    }

    private static List<Class<?>> classes(Class<?> module, String folder) throws Exception {
        URI location =
                module.getProtectionDomain().getCodeSource().getLocation().toURI();
        Path jar = Path.of(location);
        if (Files.isDirectory(jar)) {
            return classesBelow(jar.resolve("org/percpu/" + folder));
        }
        try (FileSystem files = FileSystems.newFileSystem(jar)) {
            return classesBelow(files.getPath("org/percpu/" + folder));
        }
    }

    private static List<Class<?>> classesBelow(Path folder) throws IOException, ClassNotFoundException {
        List<Class<?>> classes = new ArrayList<>();
        if (!Files.isDirectory(folder)) {
            return classes;
        }
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                String name = file.toString();
                if (name.endsWith(".class") && !name.endsWith("-info.class")) {
                    int start = name.lastIndexOf("org/percpu/");
                    classes.add(Class.forName(
                            name.substring(start, name.length() - ".class".length())
                                    .replace('/', '.'),
                            false,
                            NullArgumentTest.class.getClassLoader()));
                }
            }
        }
        return classes;
    }

    @Test
    @DisplayName("every public method and constructor answers null with EINVAL and the name of the argument")
    void nullIsEinvalEverywhere() throws Exception {
        fill();
        for (String folder : PACKAGES) {
            List<Class<?>> classes = classes(folder.equals("bindings/spi") ? Errno.class : Kernel.class, folder);
            assertThat(classes).as(folder).isNotEmpty();
            for (Class<?> type : classes) {
                for (Executable called : callable(type)) {
                    tryNulls(called);
                }
            }
        }
        tearDown();
        assertThat(wrong).isEmpty();
        assertThat(calls).isGreaterThan(LEAST_CALLS);
    }
}
