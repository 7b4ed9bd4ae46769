// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.mutants;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The list of mutants keeps pace with the library. The mutants are tried elsewhere. */
@Tag("once")
class MutantsTest {
    private static final Path LIST = Path.of("../mutants/mutants.txt");
    private static final Path SOURCES = Path.of("../../core/src/main/java/org/percpu");
    private static final Path SCENARIOS = Path.of("src/test/java/org/percpu/tests/schedules");

    @Test
    @DisplayName("each mutant of the list can be made: its line stands once in its file")
    void eachCanBeMade() throws IOException {
        List<Mutant> mutants = Mutant.read(LIST);
        assertThat(mutants).isNotEmpty();
        for (Mutant mutant : mutants) {
            String source = Files.readString(SOURCES.resolve(mutant.file()));
            assertThat(mutant.mutate(source)).isNotEqualTo(source);
        }
    }

    @Test
    @DisplayName("each mutant names classes of tests, or a scenario, that exist")
    void eachNamesItsKillers() throws IOException {
        for (Mutant mutant : Mutant.read(LIST)) {
            String scenario = mutant.scenario();
            if (scenario != null) {
                String[] name = scenario.split("\\.", -1);
                assertThat(SCENARIOS.resolve(name[0] + ".java"))
                        .as(mutant.name())
                        .content()
                        .contains("public void " + name[1] + "()");
            }
            for (String test : mutant.tests()) {
                String file = "org/percpu/" + test.replace('.', '/') + ".java";
                assertThat(List.of(Path.of("src/test/java", file), Path.of("../../core/src/test/java", file)))
                        .as(mutant.name())
                        .anyMatch(Files::exists);
            }
        }
    }
}
