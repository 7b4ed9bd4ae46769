// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.support;

import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Function;

/** A copy of percpu in a class loader of its own, as a servlet container makes one for each web application. */
public final class Deployment implements AutoCloseable {
    /** Takes everything of percpu and of JNA for itself, and the rest from its parent. */
    private static final class Isolated extends URLClassLoader {
        Isolated(URL[] classPath) {
            super(classPath, Deployment.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                if (loaded == null) {
                    loaded = name.startsWith("org.percpu.") || name.startsWith("com.sun.jna.")
                            ? findClass(name)
                            : super.loadClass(name, resolve);
                }
                return loaded;
            }
        }
    }

    private final Isolated loader;
    private final Function<Object[], Object> program;

    /** Makes an object of a class with a public constructor without parameters, there. */
    @SuppressWarnings("unchecked")
    public Deployment(Class<? extends Function<Object[], Object>> program) {
        loader =
                new Isolated(Arrays.stream(System.getProperty("java.class.path").split(":", -1))
                        .map(Deployment::url)
                        .toArray(URL[]::new));
        try {
            var constructor = loader.loadClass(program.getName()).getDeclaredConstructor();
            constructor.setAccessible(true);
            this.program = (Function<Object[], Object>) constructor.newInstance();
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(program.getName(), e);
        }
    }

    private static URL url(String path) {
        try {
            return Path.of(path).toUri().toURL();
        } catch (MalformedURLException e) {
            throw new AssertionError(e);
        }
    }

    /** Calls it, with the loader as web applications have theirs. */
    public Object call(Object... arguments) {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(loader);
        try {
            return program.apply(arguments);
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    public long number(Object... arguments) {
        return (Long) call(arguments);
    }

    public ClassLoader loader() {
        return loader;
    }

    @Override
    public void close() {
        try {
            loader.close();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
