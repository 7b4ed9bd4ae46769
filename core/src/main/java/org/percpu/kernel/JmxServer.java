// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.kernel;

import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.AtomicInteger;
import javax.management.InstanceAlreadyExistsException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.MBeanServerFactory;
import javax.management.ObjectName;

/** The MBean server of the process. Without the module java.management this class is never loaded. */
final class JmxServer {
    private static final AtomicInteger COUNT = new AtomicInteger();

    private JmxServer() {}

    static boolean isMade() {
        return !MBeanServerFactory.findMBeanServer(null).isEmpty();
    }

    /** Returns the name under which the bean is registered. */
    static Object register(KernelBean bean) {
        try {
            MBeanServer server = ManagementFactory.getPlatformMBeanServer();
            while (true) {
                ObjectName made = new ObjectName("org.percpu:type=Kernel,id=" + COUNT.incrementAndGet() + ",name="
                        + ObjectName.quote(bean.getName()));
                try {
                    server.registerMBean(bean, made);
                    return made;
                } catch (InstanceAlreadyExistsException e) {
                    // Another copy of the library in this process counts too.
                }
            }
        } catch (JMException e) {
            throw new IllegalStateException("kernel " + bean.getName() + " cannot be shown by JMX", e);
        }
    }

    static void unregister(Object name) {
        try {
            ManagementFactory.getPlatformMBeanServer().unregisterMBean((ObjectName) name);
        } catch (InstanceNotFoundException e) {
            // Somebody else has removed it.
        } catch (JMException e) {
            throw new IllegalStateException(name + " stays registered by JMX", e);
        }
    }
}
