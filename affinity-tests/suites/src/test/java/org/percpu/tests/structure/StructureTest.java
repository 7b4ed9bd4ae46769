// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.structure;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.percpu.kernel.Kernel;

/** The packages of core as the architecture draws them. */
@Tag("once")
@DisplayName("the structure of core")
class StructureTest {
    /** From the ground up: a package uses only those before it. A new package needs a place here. */
    private static final List<String> ORDER = List.of(
            "linux",
            "cpu",
            "events",
            "thread",
            "dispatch",
            "ipl",
            "intr",
            "lwp",
            "kernel",
            "queue",
            "netbsd",
            "openbsd",
            "concurrent");

    private static final int MAX_LINES = 450;

    /** Longer classes, each with its reason. One that becomes shorter must leave the list. */
    private static final Map<String, String> LONGER = Map.of(
            "netbsd/Workqueue", "one public class for a manual page; more than half of it is javadoc",
            "kernel/Kernel", "the public class of a kernel; half of it is javadoc",
            "cpu/CpuTopology", "a public class that answers every question on CPUs; half of it is javadoc",
            "intr/InterruptLine", "the public class of a line; half of it is javadoc");

    private static final Path ROOT = Path.of("../..");
    private static final Path SOURCES = ROOT.resolve("core/src/main/java/org/percpu");
    private static final String PREFIX = "org/percpu/";

    /** What each package uses, with a class that does so. */
    private static final Map<String, Map<String, String>> USES = new TreeMap<>();

    @BeforeAll
    static void readClasses() throws IOException, URISyntaxException {
        Path place = place();
        if (Files.isDirectory(place)) {
            readTree(place);
            return;
        }
        try (FileSystem jar = FileSystems.newFileSystem(place)) {
            readTree(jar.getPath("/"));
        }
    }

    /** The jar or folder of core. */
    private static Path place() throws URISyntaxException {
        return Path.of(
                Kernel.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    private static void readTree(Path root) throws IOException {
        Path ours = root.resolve(PREFIX);
        try (Stream<Path> files = Files.walk(ours)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".class")).toList()) {
                String name = ours.relativize(file).toString();
                try (InputStream in = Files.newInputStream(file)) {
                    for (String used : ClassFile.references(in)) {
                        note(packageOf(name), packageOf(used.substring(PREFIX.length())), name);
                    }
                }
            }
        }
    }

    private static void note(String from, String to, String user) {
        // What spi holds is a module of its own.
        if (!from.equals(to) && !to.startsWith("bindings")) {
            USES.computeIfAbsent(from, p -> new TreeMap<>()).putIfAbsent(to, user);
        }
    }

    private static String packageOf(String name) {
        return name.substring(0, name.lastIndexOf('/'));
    }

    @Test
    @DisplayName("a package of core uses only those below it: there is no circle")
    void arrowsGoDown() {
        List<String> wrong = new ArrayList<>();
        USES.forEach((from, all) -> all.forEach((to, user) -> {
            if (ORDER.indexOf(to) >= ORDER.indexOf(from)) {
                wrong.add(from + " uses " + to + ", which is not below it, in " + user);
            }
        }));
        assertThat(USES).as("what the packages use").hasSizeGreaterThan(4);
        assertThat(wrong).isEmpty();
    }

    @Test
    @DisplayName("every package of core has its place in the order")
    void everyPackageHasAPlace() throws IOException {
        try (Stream<Path> folders = Files.list(SOURCES)) {
            assertThat(folders.filter(Files::isDirectory)
                            .map(f -> f.getFileName().toString()))
                    .isNotEmpty()
                    .isSubsetOf(ORDER);
        }
    }

    @Test
    @DisplayName("the two systems do not use each other")
    void systemsAreApart() {
        assertThat(USES.getOrDefault("netbsd", Map.of())).doesNotContainKey("openbsd");
        assertThat(USES.getOrDefault("openbsd", Map.of())).doesNotContainKey("netbsd");
    }

    @Test
    @DisplayName("no class of core has more than " + MAX_LINES + " lines but for those with a reason")
    void classesAreShort() throws IOException {
        Set<String> longer = new TreeSet<>();
        try (Stream<Path> files = Files.walk(SOURCES)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
                try (Stream<String> lines = Files.lines(file)) {
                    if (lines.count() > MAX_LINES) {
                        longer.add(SOURCES.relativize(file).toString().replace(".java", ""));
                    }
                }
            }
        }
        assertThat(longer).isEqualTo(new TreeSet<>(LONGER.keySet()));
    }

    @Test
    @DisplayName("every exported type is named in a document for users")
    void exportsAreDocumented() throws IOException, URISyntaxException {
        StringBuilder documents = new StringBuilder(Files.readString(ROOT.resolve("README.md")));
        List<String> types = new ArrayList<>();
        for (String exported : exported()) {
            Path folder = SOURCES.resolveSibling(Path.of("percpu", exported));
            documents.append(Files.readString(folder.resolve("package-info.java")));
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file :
                        files.filter(f -> f.toString().endsWith(".java")).toList()) {
                    String type = file.getFileName().toString().replace(".java", "");
                    if (Files.readString(file).contains("\npublic ")) {
                        types.add(exported + "." + type);
                    }
                }
            }
        }
        String text = documents.toString();
        assertThat(types).isNotEmpty().allSatisfy(type -> assertThat(text)
                .as(type + " in README.md or the package-info of an exported package")
                .containsPattern("\\b" + type.substring(type.lastIndexOf('.') + 1) + "\\b"));
    }

    /** Packages that are exported to everybody, without the prefix. */
    private static List<String> exported() throws URISyntaxException {
        ModuleDescriptor core =
                ModuleFinder.of(place()).findAll().iterator().next().descriptor();
        return core.exports().stream()
                .filter(e -> !e.isQualified())
                .map(e -> e.source().substring("org.percpu.".length()))
                .toList();
    }
}
