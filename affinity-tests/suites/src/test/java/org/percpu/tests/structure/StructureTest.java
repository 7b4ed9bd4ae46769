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
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.percpu.bindings.sim.SimMachine;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCallsProvider;
import org.percpu.kernel.Kernel;

/** The packages of the library and of the command as the architecture draws them. */
@Tag("once")
@DisplayName("the structure of the library and the command")
class StructureTest {
    /** From the ground up: a package uses only those before it. A new package needs a place here. */
    private static final List<String> ORDER = List.of(
            "bindings/spi",
            "bindings/ffm/generated",
            "bindings/ffm",
            "bindings/jna",
            "bindings/sim",
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
            "concurrent",
            "samples",
            "top",
            "trace",
            "bench",
            "cli");

    private static final int MAX_LINES = 450;

    /** Longer classes, each with its reason. One that becomes shorter must leave the list. */
    private static final Map<String, String> LONGER = Map.of(
            "bindings/spi/LinuxCalls", "the C functions as one interface; most of it is javadoc",
            "bindings/jna/JnaLinuxCalls", "each C function once, in a few lines",
            "bindings/sim/SimLinuxCalls", "each C function once, in a few lines",
            "bindings/sim/SimMachine", "the machine that the simulated functions share",
            "openbsd/Workq", "one public class for a manual page; half of it is javadoc",
            "netbsd/Workqueue", "one public class for a manual page; more than half of it is javadoc",
            "openbsd/Timeout", "one public class for a manual page; more than half of it is javadoc",
            "kernel/Kernel", "the public class of a kernel; half of it is javadoc",
            "cpu/CpuTopology", "a public class that answers every question on CPUs; half of it is javadoc",
            "intr/InterruptLine", "the public class of a line; half of it is javadoc");

    /**
     * Classes of one package of which each needs the others, more than two of them, with the reason. A knot that is untied must leave
     * the list.
     */
    private static final Map<String, String> KNOTS = Map.ofEntries(
            Map.entry(
                    "clock: Clock Clocks ClocksEnd Halt Softclock Timer",
                    "a timer is armed on a clock, which calls it, on which its halts wait, and which ends with the others of the kernel"),
            Map.entry(
                    "concurrent: PinnedThread PinnedThreadFactory PinnedWorker Seats",
                    "a thread, in one of the two classes that the JDK asks for, takes a seat of its factory and leaves it"),
            Map.entry(
                    "cpu: CpuSelector CpuTopology Refusal",
                    "the topology resolves selectors and refuses CPUs in messages that name what it has"),
            Map.entry(
                    "dispatch: Dispatcher Dispatchers HeldMutexes Sleep Turnstile",
                    "a thread that sleeps runs its interrupts, whose dispatcher knows the mutexes that it holds, for which threads sleep"),
            Map.entry(
                    "intr: Delivery InterruptLine Receiver",
                    "lines are established on a receiver, which runs their handlers and closes them"),
            Map.entry(
                    "lwp: Boot KernelCore KthreadExit Lwp Registry Reports",
                    "a kernel lists its threads, and each thread reports to its kernel and leaves its list"),
            Map.entry(
                    "kernel: AtExit CpuFollower CpuListener Kernel KernelBuilder Shutdown",
                    "Kernel is the door: it is built, followed, shut down and remembered at exit by classes of one task each"),
            Map.entry(
                    "queue: DroppedBatch Recall SerialQueue",
                    "what its worker has taken is handed back at a drop, and taken back item by item, by classes of one task each"),
            Map.entry(
                    "queue: PoolBell PoolDoor PoolThread PooledQueue WorkerPool",
                    "queues share a thread, which gives them turns, and which ends with the last of them"),
            Map.entry(
                    "openbsd: DelayedWorkqTask TaskPool Workq WorkqTask",
                    "an entry keeps the function in the type that Workq declares"),
            Map.entry(
                    "bench: Measurement Measures Micro TimerCalls",
                    "the program of a measurement runs one of the three kinds, which share their places and end it when they fail"),
            Map.entry(
                    "bindings/sim: Futexes Signals SimThread", "a signal wakes its thread, which may wait on a futex"),
            Map.entry(
                    "bindings/sim: MachineFileProvider MachineFiles MachinePath",
                    "the JDK asks for a file system, its provider and its paths that know each other"),
            Map.entry(
                    "bindings/sim: SimLinuxCalls SimMachine SimProvider SimTasks",
                    "the machine hands out its functions, which act on it, and the provider keeps it"));

    private static final Path ROOT = Path.of("../..");
    private static final List<Path> SOURCES = Stream.of(
                    "bindings/spi", "bindings/ffm", "bindings/jna", "bindings/sim", "core", "affinity-tests/cli")
            .map(module -> ROOT.resolve(module).resolve("src/main/java/org/percpu"))
            .toList();
    private static final String PREFIX = "org/percpu/";

    /** A class of each module that exports packages to users. */
    private static final List<Class<?>> MODULES = List.of(Backend.class, SimMachine.class, Kernel.class);

    /** What each package uses, with a class that does so. */
    private static final Map<String, Map<String, String>> USES = new TreeMap<>();

    /** What each class uses in its own package; nested classes count as their outermost one. */
    private static final Map<String, Set<String>> NEIGHBOURS = new TreeMap<>();

    @BeforeAll
    static void readClasses() throws IOException, ReflectiveOperationException, URISyntaxException {
        Set<Path> places = new TreeSet<>();
        for (Class<?> module : MODULES) {
            places.add(place(module));
        }
        places.add(place(Class.forName("org.percpu.cli.Main")));
        for (LinuxCallsProvider backend : ServiceLoader.load(LinuxCallsProvider.class)) {
            places.add(place(backend.getClass()));
        }
        assertThat(places).hasSameSizeAs(SOURCES);
        for (Path place : places) {
            if (Files.isDirectory(place)) {
                readTree(place);
                continue;
            }
            try (FileSystem jar = FileSystems.newFileSystem(place)) {
                readTree(jar.getPath("/"));
            }
        }
    }

    /** The jar or folder of a class. */
    private static Path place(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
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
        if (!from.equals(to)) {
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
    @DisplayName("a package uses only those below it: there is no circle")
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
    @DisplayName("of the bindings all use the interface alone, but for the command, which makes a simulated machine")
    void bindingsAreBehindTheInterface() {
        List<String> wrong = new ArrayList<>();
        USES.forEach((from, all) -> all.forEach((to, user) -> {
            boolean simulates = from.equals("cli") && to.equals("bindings/sim");
            if (to.startsWith("bindings/") && !to.equals("bindings/spi") && !simulates) {
                wrong.add(from + " uses " + to + " in " + user);
            }
        }));
        assertThat(USES.getOrDefault("linux", Map.of())).containsKey("bindings/spi");
        assertThat(wrong).isEmpty();
    }

    @Test
    @DisplayName("every package has its place in the order, and every place its package")
    void everyPackageHasAPlace() throws IOException {
        Set<String> packages = new TreeSet<>();
        for (Path file : sources()) {
            packages.add(packageOf(file.toString()));
        }
        assertThat(packages).isEqualTo(new TreeSet<>(ORDER));
    }

    /** Every source file, without the folders of its module. */
    private static List<Path> sources() throws IOException {
        List<Path> found = new ArrayList<>();
        for (Path root : SOURCES) {
            try (Stream<Path> files = Files.walk(root)) {
                files.filter(f -> f.toString().endsWith(".java"))
                        .map(root::relativize)
                        .forEach(found::add);
            }
        }
        return found;
    }

    private static Path source(String name) {
        return SOURCES.stream()
                .map(root -> root.resolve(name))
                .filter(Files::exists)
                .findFirst()
                .orElseThrow();
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
    @DisplayName("no class has more than " + MAX_LINES + " lines but for those with a reason and those of jextract")
    void classesAreShort() throws IOException {
        Set<String> longer = new TreeSet<>();
        for (Path file : sources()) {
            try (Stream<String> lines = Files.lines(source(file.toString()))) {
                if (lines.count() > MAX_LINES && !file.startsWith("bindings/ffm/generated")) {
                    longer.add(file.toString().replace(".java", ""));
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
            Path folder = source(exported);
            documents.append(Files.readString(folder.resolve("package-info.java")));
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file :
                        files.filter(f -> f.toString().endsWith(".java")).toList()) {
                    String type = file.getFileName().toString().replace(".java", "");
                    if (Files.readString(file).contains("\npublic ")) {
                        types.add(exported.replace('/', '.') + "." + type);
                    }
                }
            }
        }
        String text = documents.toString();
        assertThat(types).isNotEmpty().allSatisfy(type -> assertThat(text)
                .as(type + " in README.md or the package-info of an exported package")
                .containsPattern("\\b" + type.substring(type.lastIndexOf('.') + 1) + "\\b"));
    }

    /** Packages that are exported to everybody, as folders without the prefix. */
    private static List<String> exported() throws URISyntaxException {
        List<String> packages = new ArrayList<>();
        for (Class<?> module : MODULES) {
            ModuleDescriptor descriptor =
                    ModuleFinder.of(place(module)).findAll().iterator().next().descriptor();
            descriptor.exports().stream()
                    .filter(e -> !e.isQualified())
                    .map(e -> e.source().substring("org.percpu.".length()).replace('.', '/'))
                    .forEach(packages::add);
        }
        return packages;
    }
}
