// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.bindings.spi.Backend;

/** Which backend is used, and what a user gets to read who asks why, or who has none. */
@Timeout(120)
class BackendSelectionTest {
    private static final String FORCED = "forced by -Dpercpu.backend=";

    @Test
    void ffmIsChosenWhereJavaHasItAndJnaWhereNotEachWithTheReasonAgainstTheOther() {
        Backend backend = Backend.select(null);
        assertThat(backend.reason()).isEqualTo("first in order that works");
        if (Runtimes.hasFfm()) {
            assertThat(backend.calls().backend()).isEqualTo("ffm");
            assertThat(backend.passedOver()).containsOnlyKeys("jna").containsEntry("jna", "ffm is preferred and works");
        } else {
            assertThat(backend.calls().backend()).isEqualTo("jna");
            assertThat(backend.passedOver()).containsOnlyKeys("ffm");
            assertThat(backend.passedOver().get("ffm"))
                    .contains("needs Java 23 or newer", Runtime.version().toString());
        }
    }

    @Test
    void forcedJnaIsUsedEvenWhereFfmWouldWork() {
        Backend backend = Backend.select("jna");
        assertThat(backend.calls().backend()).isEqualTo("jna");
        assertThat(backend.reason()).isEqualTo(FORCED + "jna");
        assertThat(backend.passedOver()).containsOnlyKeys("ffm");
        assertThat(backend.passedOver().get("ffm"))
                .contains(Runtimes.hasFfm() ? "asks for another" : "needs Java 23 or newer");
    }

    @Test
    void forcedFfmIsUsedOrRefusedWithTheReasonButNeverReplaced() {
        if (Runtimes.hasFfm()) {
            Backend backend = Backend.select("ffm");
            assertThat(backend.calls().backend()).isEqualTo("ffm");
            assertThat(backend.reason()).isEqualTo(FORCED + "ffm");
            assertThat(backend.passedOver()).containsOnlyKeys("jna");
        } else {
            assertThatThrownBy(() -> Backend.select("ffm"))
                    .isInstanceOf(UnsupportedOperationException.class)
                    .hasMessageContaining("ffm: needs Java 23 or newer")
                    .hasMessageContaining("jna: -Dpercpu.backend=ffm asks for another");
        }
    }

    @Test
    void unknownBackendIsRefusedByName() {
        assertThatThrownBy(() -> Backend.select("rpc"))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("rpc: no such backend on the class path or module path");
    }

    @Test
    void choiceOfTheProcessFollowsThePropertyAndIsMadeOnce() {
        String forced = System.getProperty(Backend.PROPERTY);
        Backend backend = Backend.get();
        assertThat(Backend.get()).isSameAs(backend);
        assertThat(Backend.linux()).isSameAs(backend.calls());
        if (forced != null) {
            assertThat(backend.calls().backend()).isEqualTo(forced);
        } else {
            assertThat(backend.calls().backend()).isEqualTo(Runtimes.hasFfm() ? "ffm" : "jna");
        }
    }

    @Test
    void reasonsCannotBeEdited() {
        assertThatThrownBy(() -> Backend.select("jna").passedOver().put("x", "y"))
                .isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void withoutAnyBackendTheMessageNamesBothArtifacts() throws Exception {
        assertThat(SelectionProbe.run(List.of(), List.of(SelectionProbe.SPI)))
                .startsWith("none: ")
                .contains("percpu-bindings-ffm", "percpu-bindings-jna");
    }

    @Test
    void whereFfmIsTooNewAndAloneTheOtherArtifactIsNamed() throws Exception {
        String said = SelectionProbe.run(List.of(), List.of(SelectionProbe.SPI, SelectionProbe.FFM));
        if (Runtimes.hasFfm()) {
            assertThat(said).startsWith("ffm: first in order that works");
        } else {
            assertThat(said)
                    .startsWith("none: ")
                    .contains("ffm: needs Java 23", "jna: percpu-bindings-jna is not on the class path", "add it");
        }
    }

    @Test
    void jarsMadeOneWithoutTheirServiceFilesAreToldSoAndTheRemedyWorks(@TempDir Path shaded) throws Exception {
        Path provider = shaded.resolve(SelectionProbe.JNA);
        Files.createDirectories(provider.getParent());
        SelectionProbe.copyPackage(SelectionProbe.JNA, shaded);
        List<String> parts = List.of(SelectionProbe.SPI, SelectionProbe.JNA_LIBRARY);
        assertThat(SelectionProbe.run(List.of(), parts, shaded))
                .startsWith("none: ")
                .contains("JnaProvider is there", "META-INF/services/", "merge");
        Path services = shaded.resolve("META-INF/services/org.percpu.bindings.spi.LinuxCallsProvider");
        Files.createDirectories(services.getParent());
        Files.writeString(services, "org.percpu.bindings.jna.JnaProvider");
        assertThat(SelectionProbe.run(List.of(), parts, shaded)).startsWith("jna: first in order that works");
    }

    @Test
    void withoutTheJnaLibraryTheMessageNamesItsArtifact() throws Exception {
        assertThat(SelectionProbe.run(List.of(), List.of(SelectionProbe.SPI, SelectionProbe.JNA)))
                .startsWith("none: ")
                .contains("jna: JNA is missing", "net.java.dev.jna:jna")
                .doesNotContain("\tat ");
    }

    @Test
    void deniedNativeAccessIsExplainedWithTheFlagThatGrantsIt() throws Exception {
        boolean denies = Runtime.version().feature() >= 24;
        if (!denies) {
            System.out.println("skipped: --illegal-native-access needs Java 24 or newer, this is " + Runtime.version());
        }
        assumeTrue(denies, "--illegal-native-access needs Java 24 or newer");
        String deny = "--illegal-native-access=deny";
        List<String> jnaPath = List.of(SelectionProbe.SPI, SelectionProbe.JNA, SelectionProbe.JNA_LIBRARY);
        assertThat(SelectionProbe.run(List.of(deny), jnaPath))
                .startsWith("none: ")
                .contains("jna: JNA is denied native access", "--enable-native-access=com.sun.jna", "ALL-UNNAMED");
        assertThat(SelectionProbe.run(List.of(deny, "--enable-native-access=ALL-UNNAMED"), jnaPath))
                .startsWith("jna: first in order that works");
        assertThat(SelectionProbe.run(List.of(deny), List.of(SelectionProbe.SPI, SelectionProbe.FFM)))
                .startsWith("none: ")
                .contains("ffm: ", "--enable-native-access=");
    }

    @Test
    void temporaryFolderThatForbidsExecutionIsExplainedWithTheRemedy() throws Exception {
        Path folder;
        try (Stream<String> mounts = Files.lines(Path.of("/proc/self/mounts"))) {
            folder = mounts.map(line -> line.split(" ", -1))
                    .filter(fields -> List.of(fields[3].split(",", -1)).containsAll(List.of("rw", "noexec")))
                    .filter(fields -> fields[2].equals("tmpfs"))
                    .map(fields -> Path.of(fields[1]))
                    .filter(Files::isWritable)
                    .findFirst()
                    .orElse(null);
        }
        if (folder == null) {
            System.out.println("skipped: no writable tmpfs is mounted noexec here");
        }
        assumeTrue(folder != null, "no writable tmpfs is mounted noexec here");
        assertThat(SelectionProbe.run(
                        List.of("-Djna.tmpdir=" + folder),
                        List.of(SelectionProbe.SPI, SelectionProbe.JNA, SelectionProbe.JNA_LIBRARY)))
                .startsWith("none: ")
                .contains("jna: JNA's native library does not load", "-Djna.tmpdir=DIR");
    }
}
