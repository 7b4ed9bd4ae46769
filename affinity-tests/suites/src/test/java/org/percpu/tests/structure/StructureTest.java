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
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
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
            "clock",
            "queue",
            "netbsd",
            "openbsd",
            "concurrent");

    private static final int MAX_LINES = 450;

    /** Longer classes, each with its reason. One that becomes shorter must leave the list. */
    private static final Map<String, String> LONGER = Map.of(
            "netbsd/Workqueue", "one public class for a manual page; more than half of it is javadoc",
            "openbsd/Timeout", "one public class for a manual page; more than half of it is javadoc",
            "kernel/Kernel", "the public class of a kernel; half of it is javadoc",
            "cpu/CpuTopology", "a public class that answers every question on CPUs; half of it is javadoc",
            "intr/InterruptLine", "the public class of a line; half of it is javadoc");

    /**
     * Classes of one package of which each needs the others, more than two of them, with the reason. A knot that is untied must leave
     * the list.
     */
    private static final Map<String, String> KNOTS = Map.of(
            "clock: Clock Clocks ClocksEnd Halt Softclock Timer",
            "a timer is armed on a clock, which calls it, on which its halts wait, and which ends with the others of the kernel",
            "concurrent: PinnedThread PinnedThreadFactory PinnedWorker Seats",
            "a thread, in one of the two classes that the JDK asks for, takes a seat of its factory and leaves it",
            "cpu: CpuSelector CpuTopology Refusal",
            "the topology resolves selectors and refuses CPUs in messages that name what it has",
            "dispatch: Dispatcher Dispatchers HeldMutexes Sleep Turnstile",
            "a thread that sleeps runs its interrupts, whose dispatcher knows the mutexes that it holds, for which threads sleep",
            "intr: Delivery InterruptLine Receiver",
            "lines are established on a receiver, which runs their handlers and closes them",
            "lwp: Boot KernelCore KthreadExit Lwp Registry Reports",
            "a kernel lists its threads, and each thread reports to its kernel and leaves its list",
            "kernel: AtExit CpuFollower CpuListener Kernel KernelBuilder Shutdown",
            "Kernel is the door: it is built, followed, shut down and remembered at exit by classes of one task each",
            "queue: PoolBell PoolDoor PoolThread PooledQueue WorkerPool",
            "queues share a thread, which gives them turns, and which ends with the last of them",
            "openbsd: DelayedWorkqTask TaskPool Workq WorkqTask",
            "an entry keeps the function in the type that Workq declares");

    private static final Path ROOT = Path.of("../..");
    private static final Path SOURCES = ROOT.resolve("core/src/main/java/org/percpu");
    private static final String PREFIX = "org/percpu/";

    /** What each package uses, with a class that does so. */
    private static final Map<String, Map<String, String>> USES = new TreeMap<>();

    /** What each class uses in its own package; nested classes count as their outermost one. */
    private static final Map<String, Set<String>> NEIGHBOURS = new TreeMap<>();

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
                        noteNeighbour(outermost(name), outermost(used.substring(PREFIX.length())));
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

    private static void noteNeighbour(String from, String to) {
        if (packageOf(from).equals(packageOf(to)) && !from.equals(to)) {
            NEIGHBOURS.computeIfAbsent(from, c -> new TreeSet<>()).add(to);
        }
    }

    private static String outermost(String name) {
        return name.replaceFirst("(\\$.*)?(\\.class)?$", "");
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
    @DisplayName("no more than two classes of a package need each other in a circle, but for those with a reason")
    void knotsHaveReasons() {
        Set<String> knots = new TreeSet<>();
        for (String type : NEIGHBOURS.keySet()) {
            Set<String> knot = new TreeSet<>();
            for (String other : reachable(type)) {
                if (reachable(other).contains(type)) {
                    knot.add(other.substring(other.lastIndexOf('/') + 1));
                }
            }
            if (knot.size() > 2) {
                knots.add(packageOf(type) + ": " + String.join(" ", knot));
            }
        }
        assertThat(knots).isEqualTo(new TreeSet<>(KNOTS.keySet()));
    }

    /** The classes of its package that a class needs, itself included only in a circle. */
    private static Set<String> reachable(String type) {
        Set<String> found = new TreeSet<>();
        Deque<String> open = new ArrayDeque<>(List.of(type));
        while (!open.isEmpty()) {
            for (String next : NEIGHBOURS.getOrDefault(open.pop(), Set.of())) {
                if (found.add(next)) {
                    open.push(next);
                }
            }
        }
        return found;
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
