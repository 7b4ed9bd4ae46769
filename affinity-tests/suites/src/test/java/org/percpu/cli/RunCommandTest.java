// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.bindings.spi.Backend;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;

/** {@code percpu run} as users start it: by JSON, under taskset(1), in a cpuset, without privileges. */
class RunCommandTest {
    private static final List<String> NOBODY = List.of(
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
            "--no-new-privs");

    private static List<Map<String, Object>> cpus(Map<String, Object> run) {
        return Percpu.objects(run, "cpus");
    }

    private static void assertCleanRun(Map<String, Object> run, CpuSet expected, long works) {
        assertThat(run).containsEntry("lost", 0).containsEntry("duplicated", 0);
        assertThat(cpus(run)).extracting(cpu -> cpu.get("cpu")).containsExactlyElementsOf(expected);
        long executed = 0;
        for (Map<String, Object> cpu : cpus(run)) {
            String id = Percpu.member(cpu, "cpu").toString();
            assertThat(cpu)
                    .containsEntry("asked", id)
                    .containsEntry("allowed", id)
                    .containsEntry("elsewhere", 0)
                    .containsEntry("executed", cpu.get("enqueued"));
            executed += Percpu.number(cpu, "executed");
        }
        assertThat(executed).isEqualTo(works);
    }

    @Test
    @DisplayName("NWQ-7, NWQ-19: every work runs once, on the CPU it was sent to, dealt in turn")
    void everyWorkRunsOnceOnItsCpu() throws IOException {
        Percpu answer = Percpu.here("run", "--works", "20000", "--json");
        assertThat(answer.err()).isEmpty();
        assertThat(answer.status()).isZero();
        Map<String, Object> run = answer.json();
        assertCleanRun(run, CpuTopology.system().allowed(), 20_000);
        assertThat(run.keySet())
                .containsExactly("backend", "java", "kernel", "cpus", "lost", "duplicated", "elapsedNs");
        assertThat(run)
                .containsEntry("backend", Backend.linux().backend())
                .containsEntry("java", Runtime.version().toString());
        long least = 20_000 / cpus(run).size();
        for (Map<String, Object> cpu : cpus(run)) {
            assertThat(cpu.keySet())
                    .containsExactly(
                            "cpu",
                            "name",
                            "tid",
                            "asked",
                            "allowed",
                            "policy",
                            "rtPriority",
                            "enqueued",
                            "executed",
                            "elsewhere",
                            "latencyNs");
            assertThat((Map<?, ?>) cpu.get("latencyNs"))
                    .extracting(latency -> List.copyOf(latency.keySet()))
                    .isEqualTo(List.of("p50", "p90", "p99", "p999", "max"));
            assertThat(Percpu.number(cpu, "enqueued")).isBetween(least, least + 1);
            assertThat(Percpu.member(cpu, "name").toString()).matches("percpu/\\d+");
            assertThat(cpu).containsEntry("policy", "SCHED_OTHER").containsEntry("rtPriority", 0);
        }
    }

    @Test
    void theTableHasALineForEachCpuAndATotal() {
        Percpu answer = Percpu.here("run", "--works", "1000", "--job", "spin:5us", "--in-flight", "1");
        assertThat(answer.status()).isZero();
        assertThat(answer.out())
                .contains("1000 works in")
                .contains("0 lost, 0 run twice, 0 run elsewhere")
                .doesNotContain("\r");
        assertThat(answer.out().lines().filter(line -> line.startsWith("percpu/")))
                .hasSize(CpuTopology.system().allowed().size());
    }

    @Test
    void aDurationEndsTheRun() throws IOException {
        Percpu answer = Percpu.here("run", "--duration", "300ms", "--json");
        assertThat(answer.status()).isZero();
        Map<String, Object> run = answer.json();
        assertThat(Percpu.number(run, "elapsedNs")).isGreaterThanOrEqualTo(300_000_000);
        assertThat(run).containsEntry("lost", 0).containsEntry("duplicated", 0);
    }

    @Test
    void onlyTheNamedCpusWork() throws IOException {
        int last = CpuTopology.system().allowed().last();
        Percpu answer = Percpu.here("run", "--cpus", Integer.toString(last), "--works", "1000", "--json");
        assertThat(answer.status()).isZero();
        assertCleanRun(answer.json(), CpuSet.of(last), 1_000);
    }

    @Test
    @DisplayName("NWQ-5: real-time is granted and shown, or denied with the remedy")
    void requiredRealtimeIsGrantedOrDeniedWithTheRemedy() throws IOException {
        Percpu answer = Percpu.here("run", "--works", "1000", "--realtime", "require", "--json");
        if (answer.status() == ExitStatus.OK) {
            assertThat(cpus(answer.json()))
                    .allSatisfy(cpu ->
                            assertThat(cpu).containsEntry("policy", "SCHED_RR").containsEntry("rtPriority", 1));
        } else {
            assertThat(answer.status()).isEqualTo(ExitStatus.FAILED);
            assertThat(answer.err()).contains("RLIMIT_RTPRIO").hasLineCount(1);
        }
    }

    @Test
    void neverAsksForRealtimeAndSaysSo() {
        Percpu answer = Percpu.here("run", "--works", "100", "--realtime", "never", "--priority", "96");
        assertThat(answer.status()).isZero();
        assertThat(answer.out()).contains("SCHED_OTHER nice 0").contains("--realtime never");
    }

    @Test
    void underTasksetThereIsOneWorkerOnTheOneCpu() throws IOException, InterruptedException {
        String taskset = Percpu.assumeProgram("taskset");
        int cpu = CpuTopology.system().allowed().last();
        Percpu answer = Percpu.child(List.of(taskset, "-c", Integer.toString(cpu)), "run", "--works", "5000", "--json");
        assertThat(answer.status()).as(answer.err()).isZero();
        assertCleanRun(answer.json(), CpuSet.of(cpu), 5_000);
    }

    @Test
    @DisplayName("Under taskset another CPU of the cpuset can be named, by number and by what it is, and works there")
    void aCpuOutsideTheStartingMaskCanBeNamed() throws IOException, InterruptedException {
        String taskset = Percpu.assumeProgram("taskset");
        CpuSet allowed = CpuTopology.system().allowed();
        if (allowed.size() < 2) {
            Percpu.skip("this process has one CPU, so none can be left out");
        }
        List<String> first = List.of(taskset, "-c", Integer.toString(allowed.first()));
        String all = CpuTopology.system().usable().toString();
        for (String list : List.of("last", all + ",!default")) {
            CpuSet expected = list.equals("last")
                    ? CpuSet.of(CpuTopology.system().usable().last())
                    : CpuTopology.system().usable().minus(CpuSet.of(allowed.first()));
            Percpu answer = Percpu.child(first, "run", "--cpus", list, "--works", "5000", "--json");
            assertThat(answer.status()).as(answer.err()).isZero();
            assertCleanRun(answer.json(), expected, 5_000);
        }
    }

    @Test
    @DisplayName(
            "A CPU outside the cpuset is refused; the command that the message names, given as it stands, makes it usable")
    void aCpuOutsideTheCpusetIsBadInputWithARemedyThatWorks() throws IOException, InterruptedException {
        Percpu.assumeRoot("making a cpuset needs it");
        CpuSet allowed = CpuTopology.system().allowed();
        if (allowed.size() < 2) {
            Percpu.skip("this process has one CPU, so none can be left out");
        }
        Path group = makeCpuset(allowed.first());
        try {
            List<String> enter =
                    List.of("/bin/sh", "-c", "echo $$ > '" + group.resolve("cgroup.procs") + "' && exec \"$@\"", "sh");
            String last = Integer.toString(allowed.last());
            Percpu refused = Percpu.child(enter, "run", "--cpus", last, "--works", "10");
            CpuSet both = CpuSet.of(allowed.first(), allowed.last());
            String remedy = "echo " + both + " > " + group.resolve("cpuset.cpus");
            assertThat(refused.err())
                    .contains("CPU " + last + " is outside the usable set " + allowed.first())
                    .contains("widen it with: " + remedy)
                    .hasLineCount(1);
            assertThat(refused.status()).isEqualTo(ExitStatus.BAD_INPUT);

            assertThat(Percpu.program(Path.of("."), List.of("/bin/sh", "-c", remedy))
                            .status())
                    .isZero();
            Percpu answer = Percpu.child(enter, "run", "--cpus", both.toString(), "--works", "5000", "--json");
            assertThat(answer.status()).as(answer.err()).isZero();
            assertCleanRun(answer.json(), both, 5_000);
        } finally {
            Files.delete(group);
        }
    }

    @Test
    void inACpusetOfOneCpuThereIsOneWorker() throws IOException, InterruptedException {
        Percpu.assumeRoot("making a cpuset needs it");
        int cpu = CpuTopology.system().allowed().last();
        Path group = makeCpuset(cpu);
        try {
            String enter = "echo $$ > '" + group.resolve("cgroup.procs") + "' && exec \"$@\"";
            Percpu answer = Percpu.child(List.of("/bin/sh", "-c", enter, "sh"), "run", "--works", "5000", "--json");
            assertThat(answer.status()).as(answer.err()).isZero();
            assertCleanRun(answer.json(), CpuSet.of(cpu), 5_000);
        } finally {
            Files.delete(group);
        }
    }

    /** Version 1 if there is such a hierarchy, else version 2, where the parent must hand the controller down. */
    private static Path makeCpuset(int cpu) throws IOException {
        Path v1 = Path.of("/sys/fs/cgroup/cpuset");
        Path v2 = Path.of("/sys/fs/cgroup");
        boolean first = Files.exists(v1.resolve("cpuset.cpus"));
        Path group = (first ? v1 : v2)
                .resolve("percpu-test-" + ProcessHandle.current().pid());
        boolean made = false;
        try {
            if (!first) {
                Files.writeString(v2.resolve("cgroup.subtree_control"), "+cpuset");
            }
            Files.createDirectory(group);
            made = true;
            Files.writeString(group.resolve("cpuset.cpus"), Integer.toString(cpu));
            if (first) {
                Files.writeString(group.resolve("cpuset.mems"), Files.readString(v1.resolve("cpuset.mems")));
            }
        } catch (IOException e) {
            if (made) {
                Files.delete(group);
            }
            Percpu.skip("a cpuset cannot be made here: " + e);
        }
        return group;
    }

    @Test
    @DisplayName("Without privileges pinning works, prefer goes on and says so, require fails and names the remedy")
    void withoutPrivilegesPinningWorksAndRealtimeDoesNot(@TempDir Path folder)
            throws IOException, InterruptedException {
        List<String> nobody = nobody();
        String classPath = readableClassPath(folder);

        Percpu plain = Percpu.childWith(classPath, nobody, "run", "--works", "5000", "--json");
        assertThat(plain.status()).as(plain.err()).isZero();
        assertCleanRun(plain.json(), CpuTopology.system().allowed(), 5_000);

        Percpu prefer = Percpu.childWith(classPath, nobody, "run", "--works", "1000", "--realtime", "prefer", "--json");
        assertThat(prefer.status()).as(prefer.err()).isZero();
        assertThat(cpus(prefer.json()))
                .allSatisfy(cpu ->
                        assertThat(cpu).containsEntry("policy", "SCHED_OTHER").containsEntry("rtPriority", 0));
        assertThat(prefer.err())
                .contains("SCHED_RR 1 was asked for")
                .contains("RLIMIT_RTPRIO")
                .hasLineCount(1);

        Percpu require = Percpu.childWith(classPath, nobody, "run", "--works", "1000", "--realtime", "require");
        assertThat(require.status()).isEqualTo(ExitStatus.FAILED);
        assertThat(require.out()).isEmpty();
        assertThat(require.err()).contains("EPERM").contains("RLIMIT_RTPRIO").hasLineCount(1);

        Percpu check = Percpu.childWith(classPath, nobody, "check", "--json");
        assertThat(check.status()).isZero();
        assertThat(check.json()).containsEntry("pinning", true).containsEntry("realtime", false);
        assertThat(Percpu.childWith(classPath, nobody, "check", "--realtime").status())
                .isEqualTo(ExitStatus.FAILED);
    }

    private static List<String> nobody() throws IOException, InterruptedException {
        Percpu.assumeRoot("only root can become somebody else");
        List<String> nobody = new ArrayList<>(List.of(Percpu.assumeProgram("setpriv")));
        nobody.addAll(NOBODY);
        List<String> probe = new ArrayList<>(nobody);
        probe.addAll(List.of(Percpu.java(), "-version"));
        Percpu answer = Percpu.program(Path.of("/"), probe);
        if (answer.status() != 0) {
            Percpu.skip("user 65534 cannot run " + Percpu.java() + ": " + answer.err());
        }
        return nobody;
    }

    /** A copy of the class path for a user who may not look into the build's folders. */
    static String readableClassPath(Path folder) throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        List<String> copies = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(":", -1)) {
            Path source = Path.of(entry);
            if (Files.exists(source)) {
                Path copy = folder.resolve(copies.size() + "-" + source.getFileName());
                copy(source, copy);
                copies.add(copy.toString());
            }
        }
        return String.join(":", copies);
    }

    private static void copy(Path from, Path to) throws IOException {
        if (Files.isRegularFile(from)) {
            Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING);
            Files.setPosixFilePermissions(to, PosixFilePermissions.fromString("rw-r--r--"));
            return;
        }
        Files.createDirectory(to);
        Files.setPosixFilePermissions(to, PosixFilePermissions.fromString("rwxr-xr-x"));
        try (Stream<Path> entries = Files.list(from)) {
            for (Path entry : entries.toList()) {
                copy(entry, to.resolve(entry.getFileName().toString()));
            }
        }
    }
}
