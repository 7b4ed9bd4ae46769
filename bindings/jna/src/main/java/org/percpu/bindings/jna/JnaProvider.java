// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.bindings.jna;

import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxCallsProvider;

/**
 * Offers the JNA backend, after FFM in the order of preference. This class names no class of JNA, because JNA may be
 * absent.
 */
public final class JnaProvider implements LinuxCallsProvider {
    private static final String LOGGING =
            "needs the module java.logging, which this Java runtime lacks; make the runtime image with"
                    + " jlink --add-modules java.logging";

    /** For {@link java.util.ServiceLoader}. */
    public JnaProvider() {}

    @Override
    public String name() {
        return "jna";
    }

    @Override
    public int order() {
        return 20;
    }

    @Override
    public LinuxCalls open() {
        try {
            return JnaLinuxCalls.open();
        } catch (LinkageError | IllegalCallerException e) {
            throw new UnsupportedOperationException(reason(e), e);
        } catch (Error e) {
            // JNA throws a plain Error if it finds the native library of another version.
            if (e.getClass() != Error.class) {
                throw e;
            }
            throw new UnsupportedOperationException("JNA refuses to start (" + oneLine(e) + ")", e);
        }
    }

    private static String reason(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String message = oneLine(root);
        if (root instanceof IllegalCallerException || message.contains("IllegalCallerException")) {
            return "JNA is denied native access (" + message + "); run java with --enable-native-access=com.sun.jna if"
                    + " JNA is on the module path, or with --enable-native-access=ALL-UNNAMED if it is on the class path";
        }
        if (root instanceof NoClassDefFoundError || root instanceof ClassNotFoundException) {
            String missing = message.replace('/', '.');
            if (missing.startsWith("java.util.logging.")) {
                return "JNA " + LOGGING;
            }
            if (missing.startsWith("java.") || missing.startsWith("javax.") || missing.startsWith("jdk.")) {
                return "JNA needs the class " + missing + ", which this Java runtime lacks; make the runtime image with"
                        + " the module that holds it";
            }
            boolean logging = ModuleLayer.boot().findModule("java.logging").isPresent();
            return "JNA is missing (" + message + "); add net.java.dev.jna:jna to the class path or module path"
                    + (logging ? "" : "; it " + LOGGING);
        }
        return "JNA's native library does not load (" + message + "); if the temporary folder is mounted noexec, name"
                + " another with -Djna.tmpdir=DIR";
    }

    private static String oneLine(Throwable failure) {
        return String.valueOf(failure.getMessage()).strip().replaceAll("\\s+", " ");
    }
}
