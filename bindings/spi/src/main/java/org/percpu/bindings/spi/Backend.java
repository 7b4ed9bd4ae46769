// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.spi;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/**
 * The backend in use, why it was chosen, and why each other one was not.
 *
 * <p>The choice is made once, at the first call of {@link #get()}: the provider with the lowest order that opens, or
 * the one that {@code -Dpercpu.backend=ffm|jna|sim} names. A forced backend that does not open is an error; there is no
 * silent fallback.
 *
 * @param calls the linked functions
 * @param reason why this one, as a clause
 * @param passedOver name of each other backend found or expected, and why it is not used; the simulated backend is
 *     never listed
 */
public record Backend(LinuxCalls calls, String reason, Map<String, String> passedOver) {
    /** System property that forces a backend by name. */
    public static final String PROPERTY = "percpu.backend";

    /** The one backend that needs no Linux, and is never chosen unless it is named. */
    private static final String SIMULATED = "sim";

    private static final int MAX_PROVIDERS = 16;
    private static final int FFM_SINCE = 23;

    private static volatile @Nullable Backend chosen;

    /**
     * The backend of this process, chosen at the first call.
     *
     * @return the choice; the same object every time
     * @throws NoBackendException if no backend works here; the message lists each with its reason
     * @throws UnsupportedOperationException if this is not Linux, or another processor
     */
    public static Backend get() {
        Backend backend = chosen;
        if (backend == null) {
            synchronized (Backend.class) {
                backend = chosen;
                if (backend == null) {
                    StackRoom.require();
                    backend = select(System.getProperty(PROPERTY));
                    chosen = backend;
                }
            }
        }
        return backend;
    }

    /**
     * The linked functions of the backend in use.
     *
     * @return short for {@code get().calls()}
     */
    public static LinuxCalls linux() {
        return get().calls();
    }

    /**
     * The root folder of the machine's files, see {@link LinuxCalls#root()}. Only a simulated machine has a root of its
     * own, so no other backend is opened for this call.
     *
     * @return the folder that {@code sys} and {@code proc} are in
     * @throws NoBackendException if a simulated machine is asked for and there is none
     */
    public static Path root() {
        return SIMULATED.equals(System.getProperty(PROPERTY)) ? linux().root() : Path.of("/");
    }

    /**
     * Makes the choice again, without keeping the result.
     *
     * @param forced name of the backend to use, or null for the first in the order of preference that opens
     * @return the choice
     * @throws NoBackendException if none works, or the forced one does not; the message lists the reasons
     * @throws UnsupportedOperationException if this is not Linux, or another processor
     */
    public static Backend select(@Nullable String forced) {
        if (!SIMULATED.equals(forced)) {
            requireLinux();
        }
        Map<String, String> passedOver = new LinkedHashMap<>();
        List<LinuxCallsProvider> providers = providers(passedOver);
        LinuxCalls calls = null;
        for (LinuxCallsProvider provider : providers) {
            String name = provider.name();
            if (name.equals(SIMULATED) && !name.equals(forced)) {
                // The simulated backend is no alternative to Linux, so it does not count as passed over.
                continue;
            }
            if (forced != null && !forced.equals(name)) {
                passedOver.put(name, "-D" + PROPERTY + "=" + forced + " asks for another");
            } else if (calls != null) {
                passedOver.put(name, calls.backend() + " is preferred and works");
            } else {
                try {
                    calls = provider.open();
                } catch (UnsupportedOperationException e) {
                    passedOver.put(name, String.valueOf(e.getMessage()));
                }
            }
        }
        if (calls != null) {
            String reason = forced != null ? "forced by -D" + PROPERTY + "=" + forced : "first in order that works";
            return new Backend(calls, reason, Map.copyOf(passedOver));
        }
        if (forced != null && !passedOver.containsKey(forced)) {
            passedOver.put(forced, "no such backend on the class path or module path");
        }
        passedOver.putAll(unnamed(providers));
        if (forced == null && isTooNew("ffm") && !passedOver.isEmpty() && !passedOver.containsKey("jna")) {
            passedOver.put(
                    "jna",
                    "percpu-bindings-jna is not on the class path or module path: add it, with net.java.dev.jna:jna");
        }
        throw new NoBackendException(
                "percpu has no way to call the C library: "
                        + (passedOver.isEmpty()
                                ? "neither percpu-bindings-ffm (Java 23 or newer) nor percpu-bindings-jna is on the class path or module"
                                        + " path"
                                : String.join("; ", reasons(passedOver))),
                passedOver);
    }

    /**
     * Providers that are on the class path and that no service file names, as in a jar that was made of several jars
     * without merging their service files.
     */
    private static Map<String, String> unnamed(List<LinuxCallsProvider> named) {
        Map<String, String> unnamed = new LinkedHashMap<>();
        for (String name : List.of("ffm", "jna")) {
            String upper = name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1);
            String type = Backend.class.getPackageName().replaceFirst("spi$", name) + "." + upper + "Provider";
            ClassLoader loader = LinuxCallsProvider.class.getClassLoader();
            boolean there = loader != null && loader.getResource(type.replace('.', '/') + ".class") != null;
            if (there
                    && named.stream()
                            .noneMatch(provider -> provider.getClass().getName().equals(type))
                    && !isTooNew(name)) {
                unnamed.put(
                        name,
                        type + " is there, but no file META-INF/services/" + LinuxCallsProvider.class.getName()
                                + " names it; where several jars are made one, merge these files (maven-shade-plugin:"
                                + " ServicesResourceTransformer)");
            }
        }
        return unnamed;
    }

    private static boolean isTooNew(String name) {
        return name.equals("ffm") && Runtime.version().feature() < FFM_SINCE;
    }

    private static void requireLinux() {
        String os = System.getProperty("os.name", "");
        String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
        if (!os.equals("Linux") || !(arch.equals("amd64") || arch.equals("aarch64"))) {
            throw new UnsupportedOperationException(
                    "percpu runs on Linux on x86-64 and aarch64; this is " + os + " on " + arch);
        }
    }

    /** A provider compiled for a newer Java fails to load; that is a reason, not an error. */
    private static List<LinuxCallsProvider> providers(Map<String, String> passedOver) {
        List<LinuxCallsProvider> found = new ArrayList<>();
        Iterator<LinuxCallsProvider> loader = ServiceLoader.load(
                        LinuxCallsProvider.class, LinuxCallsProvider.class.getClassLoader())
                .iterator();
        for (int i = 0; i < MAX_PROVIDERS; i++) {
            try {
                if (!loader.hasNext()) {
                    break;
                }
                insert(found, loader.next());
            } catch (UnsupportedClassVersionError e) {
                passedOver.put("ffm", "needs Java 23 or newer, this is " + Runtime.version());
            } catch (ServiceConfigurationError | LinkageError e) {
                if (e.getCause() instanceof UnsupportedClassVersionError) {
                    // So it is on the module path.
                    passedOver.put("ffm", "needs Java 23 or newer, this is " + Runtime.version());
                    continue;
                }
                passedOver.put("provider " + (i + 1), String.valueOf(e.getMessage()));
            }
        }
        return found;
    }

    /** Keeps the order of preference. A comparator is not used, because it would be made at run time. */
    private static void insert(List<LinuxCallsProvider> found, LinuxCallsProvider provider) {
        int at = found.size();
        while (at > 0 && found.get(at - 1).order() > provider.order()) {
            at--;
        }
        found.add(at, provider);
    }

    private static List<String> reasons(Map<String, String> passedOver) {
        return passedOver.entrySet().stream()
                .map(e -> e.getKey() + ": " + e.getValue())
                .toList();
    }
}
