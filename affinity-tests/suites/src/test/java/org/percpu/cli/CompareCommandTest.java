// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Alone;

/** What comes out of {@code percpu compare} is a matter of the machine; that it comes out, and what is said of the rest, is not. */
@Timeout(180)
@Tag("once")
@Alone
class CompareCommandTest {
    private static final List<String> SHORT = List.of("compare", "--quick", "--rounds", "1", "--only");

    @TempDir
    Path folder;

    private static String[] only(String names, String... more) {
        List<String> args = new ArrayList<>(SHORT);
        args.add(names);
        args.addAll(List.of(more));
        return args.toArray(new String[0]);
    }

    private static String classPath() {
        return System.getProperty("java.class.path");
    }

    private static void assumeTwoCpus() {
        if (CpuTopology.system().allowed().size() < 2) {
            Percpu.skip("a producer and a worker need two CPUs");
        }
    }

    @Test
    void oneTableHoldsOursThePeersAndC() throws Exception {
        assumeTwoCpus();
        Percpu.assumeProgram("cc");
        Percpu answer = Percpu.child(List.of(), only("workqueue-spin,jctools-mpsc-array,c-spin"));
        assertThat(answer.status()).as(answer.err()).isEqualTo(ExitStatus.OK);
        assertThat(answer.out())
                .containsPattern("enqueue to run, worker spinning +workqueue-spin +c-spin +[0-9.]+ x")
                .containsPattern("one producer, per item +workqueue-spin +jctools-mpsc-array +[0-9.]+ x")
                .doesNotContain("left out");
        assertThat(answer.err()).contains("round 1 of 1: workqueue-spin");
    }

    @Test
    void jsonHoldsTheSame() throws Exception {
        Percpu answer = Percpu.child(List.of(), only("percpu-micro", "--json"));
        Map<String, Object> json = answer.json();
        assertThat(Percpu.number(json, "rounds")).isEqualTo(1);
        Map<String, Object> pin = Percpu.objects(json, "bars").stream()
                .filter(bar -> "current CPU for enqueue(work, null)".equals(bar.get("measure")))
                .findFirst()
                .orElseThrow();
        assertThat(((Number) Percpu.member(Percpu.object(pin, "figure"), "median")).doubleValue())
                .isPositive();
        assertThat(answer.err()).isEmpty();
    }

    @Test
    @DisplayName("without a C compiler it says so and what to install, and measures the rest")
    void withoutCompiler() throws Exception {
        Path source = folder.resolve("native/reference/reference.c");
        Files.createDirectories(source.getParent());
        Files.writeString(source, "int main(void) { return 0; }\n");
        Files.createFile(source.resolveSibling("common.h"));
        Path first = Files.createDirectory(folder.resolve("classes"));
        Percpu answer = Percpu.childWith(
                first + File.pathSeparator + classPath(),
                List.of(Percpu.assumeProgram("env"), "PATH=" + first),
                only("c-micro,openhft-affinity"));
        assertThat(answer.status()).as(answer.err()).isEqualTo(ExitStatus.OK);
        assertThat(answer.out())
                .containsPattern("left out: c-micro: .*no C compiler named cc on PATH.*apt-get install")
                .containsPattern("openhft-affinity +pin ");
    }

    @Test
    @DisplayName("a C compiler that fails is quoted, and the rest is measured")
    void compilerFails() throws Exception {
        Percpu.assumeProgram("cc");
        Path source = folder.resolve("native/reference/reference.c");
        Files.createDirectories(source.getParent());
        Files.writeString(source, "#error no such luck\n");
        Files.createFile(source.resolveSibling("common.h"));
        Path first = Files.createDirectory(folder.resolve("classes"));
        Percpu answer =
                Percpu.childWith(first + File.pathSeparator + classPath(), List.of(), only("c-micro,openhft-affinity"));
        assertThat(answer.status()).as(answer.err()).isEqualTo(ExitStatus.OK);
        assertThat(answer.out())
                .containsPattern("left out: c-micro: cc does not compile .*no such luck")
                .containsPattern("openhft-affinity +pin ");
    }

    @Test
    @DisplayName("on one CPU the queues are left out with the reason, and the calls are measured")
    void oneCpu() throws Exception {
        String taskset = Percpu.assumeProgram("taskset");
        String cpu = Integer.toString(CpuTopology.system().allowed().first());
        Percpu answer = Percpu.child(List.of(taskset, "-c", cpu), only("workqueue-spin,thread-pool,openhft-affinity"));
        assertThat(answer.status()).as(answer.err()).isEqualTo(ExitStatus.OK);
        assertThat(answer.out())
                .containsPattern("left out: workqueue-spin: .*need two CPUs.*taskset")
                .containsPattern("left out: thread-pool: .*need two CPUs")
                .containsPattern("openhft-affinity +pin ");
    }

    @Test
    @DisplayName("a peer whose library is missing is left out with the reason, and the rest is measured")
    void missingPeer() throws Exception {
        assumeTwoCpus();
        // The jar of the command names the peers' jars in its manifest.
        String without = Arrays.stream(classPath().split(File.pathSeparator, -1))
                .map(entry -> entry.replaceFirst("percpu-cli\\.jar$", "classes"))
                .filter(entry -> !Path.of(entry).getFileName().toString().startsWith("disruptor"))
                .collect(Collectors.joining(File.pathSeparator));
        if (without.equals(classPath())) {
            Percpu.skip("the peers are in one jar with the program");
        }
        Percpu answer = Percpu.childWith(without, List.of(), only("disruptor-spin,openhft-affinity"));
        assertThat(answer.status()).as(answer.err()).isEqualTo(ExitStatus.OK);
        assertThat(answer.out())
                .containsPattern("left out: disruptor-spin: its library is missing")
                .containsPattern("openhft-affinity +pin ");
    }

    @Test
    void badInputIsOneLineAndStatusTwo() {
        for (String[] args : new String[][] {
            {"compare", "--rounds", "0"},
            {"compare", "--rounds", "many"},
            {"compare", "--only", "kafka"},
            {"compare", "--only", ""},
            {"compare", "--fast"}
        }) {
            Percpu answer = Percpu.here(args);
            assertThat(answer.status()).as(String.join(" ", args)).isEqualTo(ExitStatus.BAD_INPUT);
            assertThat(answer.err().lines())
                    .singleElement()
                    .asString()
                    .startsWith("percpu compare: ")
                    .contains(args[1]);
            assertThat(answer.out()).isEmpty();
        }
    }
}
