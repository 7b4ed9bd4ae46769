// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.tests.support.Machine;
import org.percpu.top.Target;

/** {@code percpu top} and {@code percpu dump}, on other processes. */
@Tag("once")
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("percpu top and percpu dump")
class TopAndDumpTest {
    private static Process start(String java, String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of(java));
        if (java.equals(Percpu.java())) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(more));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String first = process.inputReader().readLine();
        assertThat(first).as("first line of " + command).isEqualTo("ready");
        return process;
    }

    private static Process stuck(String java) throws IOException {
        return start(java, StuckProgram.class.getName());
    }

    private static String pid(Process process) {
        return Long.toString(process.pid());
    }

    private static void assertOneLine(Percpu answer, int status, String... sentences) {
        assertThat(answer.err()).contains(sentences).startsWith("percpu ").doesNotContain("Exception: ");
        assertThat(answer.err().lines()).hasSize(1);
        assertThat(answer.out()).isEmpty();
        assertThat(answer.status()).isEqualTo(status);
    }

    private static void assertTopAndDump(Process process) throws IOException {
        Map<String, Object> answer = Percpu.here("top", "--once", "--interval", "50ms", "--json", pid(process))
                .json();
        assertThat(Percpu.number(answer, "pid")).isEqualTo(process.pid());
        Map<String, Object> kernel = Percpu.objects(answer, "kernels").get(0);
        assertThat(kernel.get("name")).isEqualTo("wild \u001b[31mname");
        assertThat(Percpu.objects(kernel, "workers")).anySatisfy(worker -> {
            assertThat(worker.get("queue")).isEqualTo("hangs/0");
            assertThat(worker.get("item")).isEqualTo("stuck \u001b[31m<work>");
            assertThat(Percpu.number(worker, "depth")).isEqualTo(1);
            assertThat(Percpu.number(worker, "enqueued")).isEqualTo(2);
            assertThat(Percpu.number(worker, "itemNanos")).isPositive();
            assertThat(Percpu.object(worker, "thread"))
                    .containsEntry("pinned", true)
                    .containsKey("tid");
        });
        Percpu table = Percpu.here("top", "--once", "--interval", "50ms", pid(process));
        assertThat(table.status()).isZero();
        assertThat(table.out())
                .contains("kernel wild \\u001b[31mname of process " + pid(process))
                .contains("stuck \\u001b[31m<work> for ")
                .contains("wait p50")
                .doesNotContain("\u001b");
        Percpu dump = Percpu.here("dump", pid(process));
        assertThat(dump.status()).isZero();
        assertThat(dump.out())
                .contains("runs stuck \\u001b[31m<work> for ")
                .contains("org.percpu.cli.StuckProgram.hang(StuckProgram.java:")
                .containsPattern("circle: (one waits for two waits for one|two waits for one waits for two)")
                .doesNotContain("\u001b");
    }

    @Test
    @DisplayName("show the workers of another process, what each one runs, its stack, and a circle by name")
    void anotherProcess() throws IOException {
        Process process = stuck(Percpu.java());
        try {
            assertTopAndDump(process);
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    @DisplayName("look from this Java at a process of another one, 17 from 25 and 25 from 17")
    void anotherJava() throws IOException {
        String other = otherJava();
        Process process = stuck(other);
        try {
            assertTopAndDump(process);
        } finally {
            process.destroyForcibly();
        }
    }

    /** A Java of 17 if this one is newer, and a newer one if this is 17. */
    private static String otherJava() throws IOException {
        Path folder = Path.of("/usr/lib/jvm");
        if (Files.isDirectory(folder)) {
            try (Stream<Path> homes = Files.list(folder)) {
                boolean newer = Runtime.version().feature() > 17;
                for (Path home : homes.sorted().toList()) {
                    Path release = home.resolve("release");
                    if (Files.isReadable(release) && Files.isExecutable(home.resolve("bin/java"))) {
                        boolean is17 = Files.readString(release).contains("JAVA_VERSION=\"17");
                        if (is17 == newer) {
                            return home.resolve("bin/java").toString();
                        }
                    }
                }
            }
        }
        Percpu.skip("there is no other Java in /usr/lib/jvm");
        return "";
    }

    @Test
    @DisplayName("say in one line that a process is gone, not Java, without the library, or lets nobody attach")
    void whatDoesNotAnswer(@TempDir Path folder) throws IOException, InterruptedException {
        assertOneLine(Percpu.here("top", "x"), ExitStatus.BAD_INPUT, "PID 'x'");
        assertOneLine(Percpu.here("dump", "0"), ExitStatus.BAD_INPUT, "PID '0'");
        assertOneLine(
                Percpu.here("dump", Integer.toString(Integer.MAX_VALUE)), ExitStatus.FAILED, "there is no process");
        Process sleep = new ProcessBuilder(Percpu.assumeProgram("sleep"), "60").start();
        Path source = folder.resolve("Idle.java");
        Files.writeString(
                source,
                "class Idle { public static void main(String[] a) throws Exception { System.out.println(\"ready\");"
                        + " System.in.read(); } }");
        Process idle = start(Percpu.java(), source.toString());
        Process closed = start(Percpu.java(), "-XX:+DisableAttachMechanism", source.toString());
        try {
            assertOneLine(Percpu.here("dump", pid(sleep)), ExitStatus.FAILED, "is not Java");
            assertThat(sleep.isAlive()).isTrue();
            assertOneLine(Percpu.here("top", "--once", pid(closed)), ExitStatus.FAILED, "does not let anybody attach");
            assertOneLine(Percpu.here("top", "--once", pid(idle)), ExitStatus.FAILED, "shows no kernel");
            assertThat(closed.isAlive()).isTrue();
        } finally {
            sleep.destroyForcibly();
            idle.destroyForcibly();
            closed.destroyForcibly();
        }
    }

    @Test
    @DisplayName("say in one line that a process belongs to another user")
    void anotherUser() throws IOException, InterruptedException {
        Machine.needsLinux("another user's process");
        Percpu.assumeRoot("only root can become another user");
        String setpriv = Percpu.assumeProgram("setpriv");
        String mine = Long.toString(ProcessHandle.current().pid());
        Percpu answer = Percpu.program(
                Path.of("."),
                List.of(
                        setpriv,
                        "--reuid=65534",
                        "--regid=65534",
                        "--clear-groups",
                        Percpu.java(),
                        "-cp",
                        place(Target.class) + File.pathSeparator + place(AttachProgram.class),
                        AttachProgram.class.getName(),
                        mine));
        if (answer.status() != 0) {
            Percpu.skip("user 65534 cannot read the class path: " + answer.err());
        }
        assertThat(answer.out())
                .contains("process " + mine + " belongs to user ", "run percpu as that user")
                .hasLineCount(1);
    }

    private static String place(Class<?> type) {
        return type.getProtectionDomain().getCodeSource().getLocation().getPath();
    }
}
