// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The committed output of jextract is what its inputs make, unedited. */
@Tag("once")
class JextractDriftTest {
    private static final Path JEXTRACT = Path.of("../..", "native", "jextract");
    private static final Path PACKAGE = Path.of("org", "percpu", "bindings", "ffm", "generated");
    private static final Path COMMITTED =
            Path.of("../..", "bindings", "ffm", "src", "main", "java").resolve(PACKAGE);

    /** Exit status of {@code regenerate} for a missing jextract, or tools other than the recorded ones. */
    private static final int CANNOT_COMPARE = 3;

    @Test
    void jextractMakesTheCommittedSourcesAgain(@TempDir Path fresh) throws Exception {
        Command regenerate = Command.run(JEXTRACT, "bash", "./regenerate", "--output", fresh.toString());
        if (regenerate.status() == CANNOT_COMPARE) {
            Command.skip(regenerate.output().strip());
        }
        assertThat(regenerate.status()).as(regenerate.output()).isZero();
        assertThat(sources(COMMITTED)).isNotEmpty().isEqualTo(sources(fresh.resolve(PACKAGE)));
    }

    @Test
    void theRecordBelongsToTheInputsAsTheyAre() throws Exception {
        Properties record = new Properties();
        try (Reader reader = Files.newBufferedReader(JEXTRACT.resolve("GENERATED.properties"))) {
            record.load(reader);
        }
        for (String input : new String[] {"jextract.args", "linux.h"}) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(JEXTRACT.resolve(input)));
            assertThat(record.getProperty(input + ".sha256"))
                    .as("%s changed: run native/jextract/regenerate", input)
                    .isEqualTo(HexFormat.of().formatHex(digest));
        }
    }

    private static Map<String, String> sources(Path folder) throws IOException {
        Map<String, String> sources = new TreeMap<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                sources.put(file.getFileName().toString(), Files.readString(file, StandardCharsets.UTF_8));
            }
        }
        return sources;
    }
}
