// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.top;

import com.sun.tools.attach.AttachNotSupportedException;
import com.sun.tools.attach.AttachOperationFailedException;
import com.sun.tools.attach.VirtualMachine;
import com.sun.tools.attach.VirtualMachineDescriptor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.management.JMException;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import org.jspecify.annotations.Nullable;

/** Another Java process of this machine. */
public final class Target implements AutoCloseable {
    private static final Path PROC = Path.of("/proc");
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(3);
    private static final long LOOK_MILLIS = 50;

    private final long pid;
    private final JMXConnector connector;
    private final MBeanServerConnection server;

    private Target(long pid, JMXConnector connector, MBeanServerConnection server) {
        this.pid = pid;
        this.connector = connector;
        this.server = server;
    }

    /**
     * The Java processes that the caller may attach to, this one left out.
     *
     * @return number and command of each
     */
    public static List<String> candidates() {
        List<String> found = new ArrayList<>();
        for (VirtualMachineDescriptor one : VirtualMachine.list()) {
            if (!one.id().equals(Long.toString(ProcessHandle.current().pid()))) {
                String name = one.displayName();
                found.add(one.id() + (name.isBlank() ? "" : " " + Plain.text(name.split(" ", 2)[0])));
            }
        }
        return found;
    }

    /**
     * Attaches to a process and starts its JMX agent, which listens on the loopback for this user.
     *
     * @param pid its number
     * @return to be closed
     * @throws NoAnswer if that is not possible; the message says why
     */
    @SuppressWarnings("BanJNDI") // the address is of a process of this user, on this machine
    public static Target attach(long pid) throws NoAnswer {
        requireJava(pid);
        try {
            VirtualMachine machine = VirtualMachine.attach(Long.toString(pid));
            String address;
            try {
                address = machine.startLocalManagementAgent();
            } finally {
                machine.detach();
            }
            JMXConnector connector = JMXConnectorFactory.connect(new JMXServiceURL(address));
            return new Target(pid, connector, connector.getMBeanServerConnection());
        } catch (AttachNotSupportedException e) {
            throw new NoAnswer(
                    "process " + pid + " does not let anybody attach (" + Plain.text(text(e))
                            + "): start it without -XX:+DisableAttachMechanism",
                    e);
        } catch (AttachOperationFailedException e) {
            throw new NoAnswer(
                    "process " + pid + " has no JMX agent (" + Plain.text(text(e))
                            + "): give its runtime the modules java.management and jdk.management.agent",
                    e);
        } catch (IOException e) {
            throw new NoAnswer(
                    "process " + pid + " does not answer (" + Plain.text(text(e))
                            + "): is it stopped, in another container, or of another user?",
                    e);
        }
    }

    private static String text(Exception e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }

    /** A process that is not Java would be killed by the signal with which an attach begins. */
    private static void requireJava(long pid) throws NoAnswer {
        Path folder = PROC.resolve(Long.toString(pid));
        if (pid <= 0 || !Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
            throw new NoAnswer("there is no process " + pid + ": it has ended, or the number is wrong");
        }
        String owner = owner(folder);
        String command;
        String maps;
        try {
            // Only the owner and root may read the maps.
            maps = Files.readString(folder.resolve("maps"), StandardCharsets.ISO_8859_1);
            command = Files.readString(folder.resolve("cmdline"), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new NoAnswer("process " + pid + " belongs to " + owner + ": run percpu as that user", e);
        }
        if (!maps.contains("/libjvm.so")) {
            throw new NoAnswer("process " + pid + " is not Java: it has no libjvm.so");
        }
        if (command.contains("-XX:+DisableAttachMechanism")) {
            throw new NoAnswer(
                    "process " + pid + " does not let anybody attach: start it without -XX:+DisableAttachMechanism");
        }
    }

    private static String owner(Path folder) {
        try {
            return "user " + Files.getOwner(folder).getName();
        } catch (IOException e) {
            return "another user";
        }
    }

    /**
     * The kernels of the process. They show themselves within a second after the first attach, so this waits for them.
     *
     * @return one or more
     * @throws NoAnswer if there is none
     */
    public List<ObjectName> kernels() throws NoAnswer {
        long begin = System.nanoTime();
        try {
            ObjectName all = new ObjectName("org.percpu:type=Kernel,*");
            while (true) {
                List<ObjectName> found = new ArrayList<>(server.queryNames(all, null));
                if (!found.isEmpty()) {
                    found.sort(null);
                    return found;
                }
                if (System.nanoTime() - begin > PATIENCE_NANOS) {
                    throw new NoAnswer("process " + pid
                            + " shows no kernel: it does not use percpu, has made no kernel with a thread yet, or its"
                            + " kernels have neither a pinWatch nor a stallAfter");
                }
                Thread.sleep(LOOK_MILLIS);
            }
        } catch (IOException e) {
            throw gone(e);
        } catch (JMException e) {
            throw new NoAnswer("process " + pid + " does not understand: " + Plain.text(text(e)), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new NoAnswer("interrupted", e);
        }
    }

    /**
     * An attribute of a kernel.
     *
     * @param kernel one of {@link #kernels}
     * @param name such as Workers
     * @return as JMX has it; null if the kernel has ended meanwhile
     * @throws NoAnswer if the process has ended, or its library is another version
     */
    public @Nullable Object get(ObjectName kernel, String name) throws NoAnswer {
        try {
            return server.getAttribute(kernel, name);
        } catch (javax.management.InstanceNotFoundException e) {
            return null;
        } catch (IOException e) {
            throw gone(e);
        } catch (JMException | RuntimeException e) {
            throw new NoAnswer("process " + pid + " uses another version of percpu: " + Plain.text(text(e)), e);
        }
    }

    /**
     * What a kernel says of itself.
     *
     * @param kernel one of {@link #kernels}
     * @return lines
     * @throws NoAnswer if the process has ended, or its library is another version
     */
    public String dump(ObjectName kernel) throws NoAnswer {
        try {
            return String.valueOf(server.invoke(kernel, "dump", new Object[0], new String[0]));
        } catch (IOException e) {
            throw gone(e);
        } catch (JMException | RuntimeException e) {
            throw new NoAnswer("process " + pid + " uses another version of percpu: " + Plain.text(text(e)), e);
        }
    }

    private NoAnswer gone(IOException e) {
        return new NoAnswer("process " + pid + " has ended, or does not answer any more", e);
    }

    @Override
    public void close() {
        try {
            connector.close();
        } catch (IOException e) {
            // The process has ended.
        }
    }
}
