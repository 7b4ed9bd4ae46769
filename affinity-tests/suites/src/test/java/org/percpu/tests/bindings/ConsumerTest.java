// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compiles programs of users against the jar of core and what Maven resolves with it. */
@Tag("once")
class ConsumerTest {
    private static final Path CORE = Path.of("../../core/target");

    private static final String GENERIC = """
            package consumer;

            import org.percpu.cpu.Cpu;
            import org.percpu.ipl.Ipl;
            import org.percpu.kernel.Kernel;
            import org.percpu.netbsd.Work;
            import org.percpu.netbsd.Workqueue;
            import org.percpu.openbsd.Task;
            import org.percpu.openbsd.Taskq;
            import org.percpu.thread.CpuThread;
            import org.percpu.thread.Pri;

            public class Consumer {
                static final class Tick extends Work {}

                public static void main(String[] args) {
                    try (Kernel kernel = Kernel.builder("consumer").build()) {
                        Workqueue<Tick> wq = Workqueue.create(
                                kernel, "wq", (tick, text) -> System.out.println(text), "tick", Pri.PRI_NONE, Ipl.NONE,
                                Workqueue.WQ_MPSAFE | Workqueue.WQ_PERCPU);
                        for (Cpu cpu : kernel.cpus()) {
                            wq.enqueue(new Tick(), cpu);
                        }
                        Taskq tq = Taskq.create(kernel, "tq", 1, Ipl.NONE, Taskq.TASKQ_MPSAFE);
                        tq.add(Task.initializer(System.out::println, "task"));
                        CpuThread thread = CpuThread.builder("thread").start(() -> {});
                        System.out.println(thread.state().denial());
                    }
                }
            }
            """;

    private static final String RAW = """
            package consumer;

            import org.percpu.ipl.Ipl;
            import org.percpu.kernel.Kernel;
            import org.percpu.netbsd.Softint;
            import org.percpu.netbsd.Work;
            import org.percpu.netbsd.Workqueue;
            import org.percpu.thread.Pri;

            public class Consumer {
                public static void main(String[] args) {
                    Workqueue.Function function = (work, arg) -> System.out.println(arg);
                    Softint.Function handler = arg -> System.out.println(arg);
                    Workqueue wq = Workqueue.create(Kernel.system(), "wq", function, null, Pri.PRI_NONE, Ipl.NONE, 0);
                    wq.enqueue(new Work() {}, null);
                    System.out.println(handler);
                }
            }
            """;

    private static final String INTRUDER = """
            package consumer;

            import org.percpu.kernel.Kernel;
            import org.percpu.kernel.KernelQueue;
            import org.percpu.thread.CpuThread;

            public class Consumer {
                static Object reach(Kernel kernel, KernelQueue queue) throws Exception {
                    %s
                    return kernel;
                }
            }
            """;

    /** What would break a kernel, or is of use to the library alone. */
    private static final List<String> INSIDE = List.of(
            "kernel.remove(queue);",
            "kernel.add(queue);",
            "kernel.shared(\"syswq\", k -> \"mine\");",
            "kernel.unlocked(\"w\", () -> null);",
            "kernel.requireOpen(\"a queue\");",
            "kernel.requireSleepable(\"w\");",
            "kernel.closed(\"a queue\");",
            "kernel.fault(\"queue\", queue, new Exception());",
            "queue.end();",
            "queue.followCpus();",
            "org.percpu.kernel.Lwp.current();",
            "org.percpu.kernel.Deadline.after(java.time.Duration.ZERO);",
            "org.percpu.lwp.KernelCore.of(kernel);",
            "org.percpu.lwp.Lwp.current();",
            "org.percpu.queue.Args.name(\"\", \"call\");",
            "CpuThread.requirePlatform(\"a mask\");");

    @TempDir
    Path folder;

    private String path;

    @BeforeEach
    void resolve() throws IOException {
        Path jar = folder.resolve("percpu-core.jar");
        String classes = CORE.resolve("classes").toString();
        int made = ToolProvider.findFirst("jar")
                .orElseThrow()
                .run(System.out, System.err, "--create", "--file", jar.toString(), "-C", classes, ".");
        assertThat(made).isZero();
        String resolved = Files.readString(CORE.resolve("users-classpath.txt"), StandardCharsets.UTF_8)
                .strip();
        path = jar + File.pathSeparator + resolved;
    }

    private void compiles(String source, boolean module, String... options) throws IOException {
        StringWriter said = new StringWriter();
        int status = javac(source, module, said, options);
        assertThat(status).as("javac: %s", said).isZero();
    }

    private int javac(String source, boolean module, StringWriter said, String... options) throws IOException {
        List<String> arguments = new ArrayList<>(List.of(
                "-Xlint:all",
                "-proc:none",
                module ? "--module-path" : "-classpath",
                path,
                "-d",
                folder.resolve("out").toString()));
        arguments.addAll(List.of(options));
        Path consumer = folder.resolve("Consumer.java");
        Files.writeString(consumer, source);
        arguments.add(consumer.toString());
        if (module) {
            // Otherwise javac looks at the class path of this JVM.
            arguments.addAll(List.of("-classpath", folder.toString()));
            Path descriptor = folder.resolve("module-info.java");
            Files.writeString(descriptor, "/** Uses percpu. */ module consumer { requires org.percpu.core; }");
            arguments.add(descriptor.toString());
        }
        PrintWriter out = new PrintWriter(said, true);
        return ToolProvider.findFirst("javac").orElseThrow().run(out, out, arguments.toArray(new String[0]));
    }

    @Test
    @DisplayName("a program on the class path compiles without a warning")
    void onTheClassPath() throws IOException {
        compiles(GENERIC, false, "-Werror");
    }

    @Test
    @DisplayName("a module that requires org.percpu.core alone compiles without a warning")
    void onTheModulePath() throws IOException {
        compiles(GENERIC, true, "-Werror");
    }

    @Test
    @DisplayName("raw types compile, with the warnings that javac has for them")
    void rawTypes() throws IOException {
        compiles(RAW, false);
        compiles(RAW, true);
    }

    @Test
    @DisplayName("a module does not reach the inside of a kernel: javac finds neither its methods nor its packages")
    void theInsideIsOutOfReach() throws IOException {
        compiles(INTRUDER.formatted("Thread.yield();"), true);
        for (String call : INSIDE) {
            StringWriter said = new StringWriter();
            assertThat(javac(INTRUDER.formatted(call), true, said)).as(call).isNotZero();
            assertThat(said.toString())
                    .as(call)
                    .containsAnyOf("cannot find symbol", "is not visible", "does not export")
                    .contains("1 error");
        }
    }
}
