// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code percpu run --job sha256} is sha256sum(1) on deferred works. */
@Tag("once")
class Sha256JobTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    private final List<Path> files = new ArrayList<>();

    /** In the order of the output: sorted within a folder, a folder where its name stands. */
    @BeforeEach
    void makeFiles() throws IOException {
        add("a.txt", "a".repeat(200_000));
        add("back\\slash", "1");
        add("deep/er/leaf", "2");
        add("empty", "");
        add("new\nline", "3");
        add("re\rturn", "4");
        for (int i = 100; i < 150; i++) {
            add("z" + i, "content " + i);
        }
        Files.createSymbolicLink(folder.resolve("loop"), folder);
        Files.createSymbolicLink(folder.resolve("nowhere"), Path.of("nothing"));
    }

    private void add(String name, String content) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        files.add(Files.writeString(file, content));
    }

    private static String hash(Path file) throws IOException {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void printsWhatSha256sumPrints() throws IOException, InterruptedException {
        Percpu answer = Percpu.here("run", "--job", "sha256", folder.toString());
        assertThat(answer.status()).as(answer.err()).isZero();
        StringBuilder expected = new StringBuilder();
        for (Path file : files) {
            String name =
                    file.toString().replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r");
            expected.append(name.equals(file.toString()) ? "" : "\\")
                    .append(hash(file))
                    .append("  ")
                    .append(name)
                    .append('\n');
        }
        assertThat(answer.out()).isEqualTo(expected.toString());
        assertThat(answer.err()).contains("56 works in").contains("0 lost, 0 run twice");

        String sha256sum = Percpu.assumeProgram("sha256sum");
        Path list =
                Files.writeString(folder.resolve("SHA256SUMS"), withoutReturn(answer.out()), StandardCharsets.UTF_8);
        Percpu verdict = Percpu.program(folder, List.of(sha256sum, "--check", "--quiet", "--strict", list.toString()));
        assertThat(verdict.status()).as(verdict.out() + verdict.err()).isZero();
    }

    /** Escaped carriage returns came with coreutils 9.0. */
    private static String withoutReturn(String lines) {
        return lines.lines().filter(line -> !line.endsWith("re\\rturn")).reduce("", (a, b) -> a + b + "\n");
    }

    @Test
    void argumentsKeepTheirOrder() throws IOException {
        String last = files.get(files.size() - 1).toString();
        String first = files.get(0).toString();
        Percpu answer = Percpu.here("run", "--job", "sha256", "--", last, first, last);
        assertThat(answer.out().lines())
                .containsExactly(
                        hash(Path.of(last)) + "  " + last,
                        hash(Path.of(first)) + "  " + first,
                        hash(Path.of(last)) + "  " + last);
    }

    @Test
    void whatCannotBeReadIsNamedAndTheRestIsHashed() {
        String good = files.get(0).toString();
        String missing = folder.resolve("missing").toString();
        Percpu answer = Percpu.here("run", "--job", "sha256", missing, "/dev/null", good);
        assertThat(answer.status()).isEqualTo(ExitStatus.FAILED);
        assertThat(answer.out()).endsWith("  " + good + "\n").hasLineCount(1);
        assertThat(answer.err())
                .contains("percpu run: " + missing + ": no such file or folder\n")
                .contains("percpu run: /dev/null: neither a regular file nor a folder\n");
    }

    @Test
    void jsonStaysParseable() throws IOException {
        Path file = files.get(0);
        Percpu answer = Percpu.here("run", "--json", "--job", "sha256", file.toString());
        assertThat(answer.status()).isZero();
        assertThat(answer.json())
                .containsEntry("lost", 0)
                .containsEntry("files", List.of(Map.of("file", file.toString(), "sha256", hash(file))));
    }
}
