// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code affinity-tests/percpu}, in a tree of its own with a Java and a Maven that say what they were asked. */
@Tag("once")
class LauncherTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path tree;

    private Path launcher() {
        return tree.resolve("affinity-tests/percpu");
    }

    private Path stamp() {
        return tree.resolve("affinity-tests/cli/target/percpu.stamp");
    }

    @BeforeEach
    void makeTree() throws IOException {
        Files.setPosixFilePermissions(tree, PosixFilePermissions.fromString("rwxr-xr-x"));
        for (String folder : List.of("bindings/spi/src/main", "core/src/main", "affinity-tests/cli/src/main", "bin")) {
            Files.createDirectories(tree.resolve(folder));
        }
        for (String pom :
                List.of("", "bindings/", "bindings/spi/", "core/", "affinity-tests/", "affinity-tests/cli/")) {
            Files.writeString(tree.resolve(pom + "pom.xml"), "<project/>");
        }
        Files.writeString(tree.resolve("core/src/main/A.java"), "class A {}");
        Files.copy(Path.of("../percpu"), launcher());
        program("bin/java", "for word in \"$@\"; do echo \"[$word]\"; done");
        program(
                "bin/mvn",
                "echo Maven was here; mkdir -p affinity-tests/cli/target; touch affinity-tests/cli/target/percpu-cli.jar");
    }

    private void program(String name, String body) throws IOException {
        Path file = Files.writeString(tree.resolve(name), "#!/bin/sh\n" + body + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Percpu launch(String... args) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                "/usr/bin/env",
                "PATH=" + tree.resolve("bin") + ":" + System.getenv("PATH"),
                "PERCPU_JAVA=" + tree.resolve("bin/java"),
                "JAVA_OPTS=-Xmx64m -Dfrom=options",
                launcher().toString()));
        command.addAll(List.of(args));
        return Percpu.program(Path.of("/"), command);
    }

    private void build() throws IOException, InterruptedException {
        assertThat(launch().status()).isZero();
    }

    @Test
    void buildsOnFirstUseAndNotAgain() throws IOException, InterruptedException {
        Percpu first = launch("topology");
        assertThat(first.status()).isZero();
        assertThat(first.err()).isEqualTo("percpu: building percpu (first use) ...\n");
        assertThat(stamp()).exists();
        assertThat(launch("topology").err()).isEmpty();
    }

    @Test
    void buildsAgainWhenASourceChangedCameOrWent() throws IOException, InterruptedException {
        String sentence = "percpu: building percpu (sources have changed) ...\n";
        build();
        rewind();
        Files.writeString(tree.resolve("core/src/main/A.java"), "class A { }");
        assertThat(launch().err()).isEqualTo(sentence);
        rewind();
        Files.delete(tree.resolve("core/src/main/A.java"));
        assertThat(launch().err()).isEqualTo(sentence);
        rewind();
        Files.writeString(tree.resolve("affinity-tests/cli/pom.xml"), "<project></project>");
        assertThat(launch().err()).isEqualTo(sentence);
    }

    /** An hour has passed since the build: everything is as old as before it, and the stamp too. */
    private void rewind() throws IOException {
        FileTime old = FileTime.from(Instant.now().minusSeconds(7200));
        try (var files = Files.walk(tree)) {
            for (Path file : files.toList()) {
                Files.setLastModifiedTime(file, old);
            }
        }
        Files.setLastModifiedTime(stamp(), FileTime.from(Instant.now().minusSeconds(3600)));
        assertThat(launchQuietly()).isEmpty();
    }

    private String launchQuietly() throws IOException {
        try {
            return launch().err();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "interrupted";
        }
    }

    @Test
    void mavenRunsInALocaleThatHasEveryFileName() throws IOException, InterruptedException {
        String mvn = Files.readString(tree.resolve("bin/mvn"));
        program("bin/mvn", "echo \"$LC_ALL\" >" + tree.resolve("locale") + "\n" + mvn);
        Percpu answer = Percpu.program(
                Path.of("/"),
                List.of(
                        "/usr/bin/env",
                        "LC_ALL=C",
                        "PATH=" + tree.resolve("bin") + ":" + System.getenv("PATH"),
                        "PERCPU_JAVA=" + tree.resolve("bin/java"),
                        launcher().toString(),
                        "topology"));
        assertThat(answer.status()).as(answer.err()).isZero();
        assertThat(tree.resolve("locale")).hasContent("C.UTF-8");
    }

    @Test
    void noCommandOfTheBuildSplitsThePathOfTheTreeAtItsSpaces() throws IOException {
        for (String pom : List.of("pom.xml", "native/pom.xml", "core/pom.xml", "affinity-tests/pom.xml")) {
            assertThat(Files.readString(Path.of("../..").resolve(pom)))
                    .as(pom)
                    .doesNotContainPattern("<arg line=\"[^\"]*\\$\\{(project|libpercpu\\.folder)");
        }
    }

    @Test
    void aCacheIsMadeForTheJarAndTheJavaAndUsedWithNoOther() throws IOException, InterruptedException {
        program(
                "bin/java",
                "for a; do case $a in -XX:A*=*) echo classes >\"${a#*=}\"; esac; done; printf '[%s]\\n' \"$@\"");
        build();
        assertThat(launch("topology").out()).contains("cache]");
        Path jar = tree.resolve("affinity-tests/cli/target/percpu-cli.jar");
        Files.writeString(jar, "another");
        Percpu other = launch("topology");
        assertThat(other.out()).doesNotContain("cache").contains("[topology]");
        assertThat(other.err()).isEmpty();
    }

    @Test
    void aFailedBuildShowsWhatMavenSaid() throws IOException, InterruptedException {
        program("bin/mvn", "echo '[INFO] chatter'; echo '[ERROR] it does not compile'; exit 1");
        Percpu answer = launch("run");
        assertThat(answer.status()).isEqualTo(ExitStatus.BAD_INPUT);
        assertThat(answer.err())
                .contains("[ERROR] it does not compile")
                .contains("the build failed")
                .doesNotContain("chatter");
        assertThat(answer.out()).isEmpty();
        assertThat(stamp()).doesNotExist();
    }

    @Test
    void definitionsGoToTheJvmWhereverTheyStand() throws IOException, InterruptedException {
        Percpu answer = launch("-Da=1", "run", "--works", "5", "-Dpercpu.backend=jna", "two words", "--", "-Dfile");
        String jar = tree.resolve("affinity-tests/cli/target/percpu-cli.jar").toString();
        assertThat(answer.out().lines())
                .containsExactly(
                        "[--enable-native-access=ALL-UNNAMED]",
                        "[-Xmx64m]",
                        "[-Dfrom=options]",
                        "[-Da=1]",
                        "[-Dpercpu.backend=jna]",
                        "[-cp]",
                        "[" + jar + "]",
                        "[org.percpu.cli.Main]",
                        "[run]",
                        "[--works]",
                        "[5]",
                        "[two words]",
                        "[--]",
                        "[-Dfile]");
    }

    @Test
    void aJavaThatIsNotThereIsOneLine() throws IOException, InterruptedException {
        build();
        Percpu answer = Percpu.program(
                Path.of("/"),
                List.of("/usr/bin/env", "PERCPU_JAVA=/no/such/java", launcher().toString(), "run"));
        assertThat(answer.err()).contains("PERCPU_JAVA=/no/such/java").hasLineCount(1);
        assertThat(answer.status()).isEqualTo(ExitStatus.BAD_INPUT);
    }

    @Test
    void worksThroughASymbolicLink() throws IOException, InterruptedException {
        build();
        Path link = Files.createSymbolicLink(tree.resolve("bin/percpu"), launcher());
        Percpu answer = Percpu.program(
                Path.of("/"),
                List.of("/usr/bin/env", "PERCPU_JAVA=" + tree.resolve("bin/java"), link.toString(), "topology"));
        assertThat(answer.status()).as(answer.err()).isZero();
        assertThat(answer.out()).contains("[topology]");
    }

    @Test
    void whoCannotWriteDoesNotBuild() throws IOException, InterruptedException {
        Percpu.assumeRoot("only root can become somebody else");
        List<String> command = List.of(
                Percpu.assumeProgram("setpriv"),
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "/usr/bin/env",
                "PERCPU_JAVA=" + tree.resolve("bin/java"),
                launcher().toString(),
                "run");
        Percpu never = Percpu.program(Path.of("/"), command);
        assertThat(never.err())
                .contains("not built yet")
                .contains("not writable")
                .hasLineCount(1);
        assertThat(never.status()).isEqualTo(ExitStatus.BAD_INPUT);

        build();
        Percpu fresh = Percpu.program(Path.of("/"), command);
        assertThat(fresh.err()).isEmpty();
        assertThat(fresh.out()).contains("[run]");

        Files.setLastModifiedTime(stamp(), FileTime.from(Instant.now().minusSeconds(3600)));
        Percpu stale = Percpu.program(Path.of("/"), command);
        assertThat(stale.err()).contains("older than its sources").hasLineCount(1);
        assertThat(stale.status()).isZero();
        assertThat(stale.out()).contains("[run]");
    }
}
