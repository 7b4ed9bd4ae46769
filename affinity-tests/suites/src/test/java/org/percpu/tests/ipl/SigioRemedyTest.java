// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.ipl;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Proxy;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.intr.InterruptLine;
import org.percpu.intr.Receiver;
import org.percpu.ipl.Ipl;
import org.percpu.tests.support.Fork;

/** A program that handles SIGIO itself watches a file. */
@Timeout(60)
class SigioRemedyTest {
    /** Its standard input is a pipe. */
    static final class Handles {
        private Handles() {}

        public static void main(String[] args) throws ReflectiveOperationException {
            // By reflection: javac warns of sun.misc.Signal.
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object io = signal.getConstructor(String.class).newInstance("IO");
            Object mine = Proxy.newProxyInstance(
                    Handles.class.getClassLoader(), new Class<?>[] {handler}, (proxy, method, arguments) -> null);
            signal.getMethod("handle", signal, handler).invoke(null, io, mine);
            InterruptLine line = InterruptLine.establish(Receiver.current(), "input", Ipl.VM, value -> {});
            try {
                line.watch(0);
                System.out.println("not refused");
            } catch (LinuxException e) {
                System.out.println(e.getMessage());
            }
            signal.getMethod("handle", signal, handler)
                    .invoke(null, io, handler.getField("SIG_DFL").get(null));
            line.watch(0);
            line.close();
            System.out.println("watched");
        }
    }

    @Test
    @DisplayName("where another handler has SIGIO, a watch is refused and told whose it is; without it the watch works")
    void removeTheHandler() {
        Levels.needLibrary();
        assertThat(Fork.of(Handles.class).run())
                .contains("EBUSY", "libjvm.so", "remove that handler before you watch the file", "watched")
                .doesNotContain("not refused");
    }
}
