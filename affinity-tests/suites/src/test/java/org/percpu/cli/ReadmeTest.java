// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.bindings.spi.Backend;
import org.percpu.cpu.CpuTopology;

/** The README's promises that a machine can check. */
@Tag("once")
class ReadmeTest {
    private static String readme() throws IOException {
        return Files.readString(Path.of("../..", "README.md"));
    }

    @Test
    void theExampleCompilesAndGreetsFromEveryCpu(@TempDir Path folder) throws IOException, InterruptedException {
        assertThat(linesOf("Hello", folder))
                .containsExactlyInAnyOrderElementsOf(CpuTopology.system().allowed().stream()
                        .mapToObj(cpu -> "hello from CPU " + cpu)
                        .toList());
    }

    @Test
    void theExampleOfTasksPrintsWhatStandsAboveIt(@TempDir Path folder) throws IOException, InterruptedException {
        prints(linesOf("LinkState", folder), "link state of em0 checked", "still queued: false");
    }

    @Test
    void theExampleOfInterruptsPrintsWhatStandsAboveIt(@TempDir Path folder) throws IOException, InterruptedException {
        prints(linesOf("Interrupts", folder), "masked at HIGH", "interrupt 7 at VM", "back at NONE");
    }

    private static void prints(List<String> lines, String... expected) {
        assertThat(lines).containsExactly(expected);
        assertThat(lines).allSatisfy(line -> assertThat(readme()).contains("`" + line + "`"));
    }

    /** What the README's example with a class of this name prints. */
    private static List<String> linesOf(String name, Path folder) throws IOException, InterruptedException {
        Matcher example = Pattern.compile("```java\n((?:(?!```).)*public class " + name + " .*?)```", Pattern.DOTALL)
                .matcher(readme());
        assertThat(example.find()).isTrue();
        Path source = Files.writeString(folder.resolve(name + ".java"), example.group(1));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        assertNotNull(compiler, "the tests run on a JDK");
        String classPath = System.getProperty("java.class.path");
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        int status = compiler.run(
                null,
                said,
                said,
                "--release",
                "17",
                "-proc:none",
                "-d",
                folder.toString(),
                "-cp",
                classPath,
                source.toString());
        assertThat(status).as(said.toString(StandardCharsets.UTF_8)).isZero();

        Percpu answer = Percpu.program(
                folder,
                List.of(
                        Percpu.java(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-D" + Backend.PROPERTY + "=" + Backend.linux().backend(),
                        "-cp",
                        classPath + ":" + folder,
                        name));
        assertThat(answer.status()).as(answer.err()).isZero();
        return answer.out().lines().toList();
    }

    @Test
    void itsFirstCommandsAreTheMainJobAndTheTests() throws IOException {
        assertThat(readme().lines()
                        .filter(line -> line.startsWith("    "))
                        .map(String::strip)
                        .limit(2))
                .containsExactly("affinity-tests/percpu run", "mvn verify");
        assertThat(Path.of("../percpu")).isExecutable();
    }
}
