// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import org.jspecify.annotations.Nullable;

/**
 * Shows a kernel by JMX, as soon as something in the process has made an MBean server. The library makes none itself: it
 * would cost each start a tenth of a second. The module java.management is optional.
 */
final class Management {
    private static final boolean PRESENT = present();

    private final KernelBean bean;
    private @Nullable Object name; // of the registered bean; guarded by this
    private boolean ended; // guarded by this

    Management(KernelBean bean) {
        this.bean = bean;
    }

    private static boolean present() {
        try {
            return Class.forName("javax.management.MBeanServerFactory", false, Management.class.getClassLoader())
                    != null;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    /** Registers the bean if it is not registered and there is a server. */
    synchronized void look() {
        if (PRESENT && !ended && name == null && JmxServer.isMade()) {
            name = JmxServer.register(bean);
        }
    }

    /** Removes the bean, and registers it no more. */
    synchronized void end() {
        ended = true;
        Object registered = name;
        if (registered != null) {
            name = null;
            JmxServer.unregister(registered);
        }
    }
}
