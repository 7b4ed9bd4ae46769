// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.SplSupport;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Sandbox;

/** {@code percpu check} where something is forbidden or limited, and what {@code run} says of policies. */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CheckCommandTest {
    private static Map<String, Object> row(Percpu check, String name) throws IOException {
        return Percpu.objects(check.json(), "checks").stream()
                .filter(one -> name.equals(one.get("name")))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no row " + name + " in " + check.out()));
    }

    private static Percpu under(String[] starter, String... args) throws IOException, InterruptedException {
        return Percpu.child(List.of(starter), args);
    }

    @Test
    @DisplayName("where pinning is forbidden, pinning is a no that names the sandbox, and real-time is tried apart")
    void pinningAndRealtimeAreTriedApart() throws IOException, InterruptedException {
        Machine.needsRealtime();
        Percpu check = under(Sandbox.of("sched_setaffinity=" + Errno.EPERM.number()), "check", "--json");
        assertThat(check.status()).isEqualTo(ExitStatus.FAILED);
        assertThat(row(check, "pinning")).containsEntry("ok", false);
        assertThat(Percpu.member(row(check, "pinning"), "remedy").toString())
                .contains("seccomp", "sched_setaffinity(2)");
        assertThat(row(check, "real-time")).containsEntry("ok", true).containsEntry("remedy", null);
    }

    @Test
    @DisplayName(
            "pinning is tried on each CPU that can be named, not only on those of the starting mask, and the answer says on which")
    void everyUsableCpuIsTried() throws IOException, InterruptedException {
        Machine.needsCpus(2);
        CpuTopology topology = CpuTopology.system();
        String one = Integer.toString(topology.allowed().last());
        Percpu check = under(new String[] {"taskset", "-c", one}, "check", "--json");
        assertThat(check.status()).isZero();
        assertThat(row(check, "pinning").toString()).contains("each of the usable CPUs {" + topology.usable() + "}");
        assertThat(row(check, "default CPUs").toString()).contains(one + ": taken");
    }

    @Test
    @DisplayName("where the policy is only said to be set, real-time is a no")
    void pretendedRealtime() throws IOException, InterruptedException {
        Percpu check = under(Sandbox.of("sched_setscheduler=0"), "check", "--realtime", "--json");
        assertThat(check.status()).isEqualTo(ExitStatus.FAILED);
        assertThat(row(check, "pinning")).containsEntry("ok", true);
        assertThat(row(check, "real-time")).containsEntry("ok", false);
        assertThat(Percpu.member(row(check, "real-time"), "remedy").toString())
                .contains("seccomp", "sched_setscheduler(2)");
    }

    @Test
    @DisplayName("a finite RLIMIT_RTTIME is shown with what it does and what helps; an unlimited one without")
    void realtimeTime() throws IOException, InterruptedException {
        Percpu limited = under(new String[] {"prlimit", "--rttime=500000:1000000"}, "check", "--json");
        Map<String, Object> row = row(limited, "RLIMIT_RTTIME");
        assertThat(Percpu.member(row, "detail").toString())
                .contains("soft 500000, hard 1000000 us", "SIGXCPU, which ends the JVM", "SIGKILL at the hard limit");
        assertThat(Percpu.member(row, "remedy").toString())
                .contains("prlimit --rttime=unlimited", "CAP_SYS_RESOURCE", "LimitRTTIME=infinity");
        assertThat(limited.err()).isEmpty();
        assertThat(row(Percpu.here("check", "--json"), "RLIMIT_RTTIME")).containsEntry("remedy", null);
    }

    @Test
    @DisplayName(
            "check says which libpercpu is loaded or why none is, the level mode and why, and how many signals are free")
    void levels() throws IOException, InterruptedException {
        SplSupport support = SplSupport.get();
        Percpu here = Percpu.here("check", "--json");
        assertThat(row(here, "libpercpu")).containsEntry("ok", support.library() != null);
        assertThat(Percpu.member(row(here, "libpercpu"), "detail").toString()).contains(support.reason());
        assertThat(Percpu.member(row(here, "level mode"), "detail").toString()).startsWith(support.mode() + ": ");
        assertThat(Percpu.member(row(here, "free signals"), "detail").toString())
                .startsWith(Integer.toString(support.freeSignals()));

        Percpu eager = checkWith("-Dpercpu.spl=eager", "-Dpercpu.library.path=");
        assertThat(row(eager, "level mode")).containsEntry("detail", "EAGER: -Dpercpu.spl=eager asks for it");
        assertThat(row(eager, "libpercpu"))
                .containsEntry("ok", false)
                .containsEntry("remedy", "leave -Dpercpu.library.path out");
        Percpu wrong = checkWith("-Dpercpu.spl=sometimes");
        assertThat(row(wrong, "levels")).containsEntry("ok", false);
        assertThat(Percpu.member(row(wrong, "levels"), "detail").toString()).contains("sometimes");
    }

    private static Percpu checkWith(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Percpu.java(), "--enable-native-access=ALL-UNNAMED"));
        command.addAll(List.of(options));
        return check(command);
    }

    private static Percpu check(List<String> command) throws IOException, InterruptedException {
        String backend = System.getProperty(Backend.PROPERTY);
        if (backend != null) {
            command.add("-D" + Backend.PROPERTY + "=" + backend);
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName(), "check", "--json"));
        return Percpu.program(Path.of("."), command);
    }

    @Test
    @DisplayName("where native access is denied, the remedy is the one of the reason, and following it helps")
    void deniedNativeAccess() throws IOException, InterruptedException {
        Machine.skipUnless(Runtime.version().feature() >= 24, "native access can be denied from Java 24 on");
        List<String> command = new ArrayList<>(List.of(Percpu.java(), "--illegal-native-access=deny"));
        Percpu denied = check(command);
        assertThat(denied.status()).isEqualTo(ExitStatus.FAILED);
        assertThat(row(denied, "backend")).containsEntry("ok", false);
        assertThat(Percpu.member(row(denied, "backend"), "remedy").toString())
                .contains("--enable-native-access=ALL-UNNAMED")
                .doesNotContain("put percpu-bindings");
        List<String> followed = new ArrayList<>(
                List.of(Percpu.java(), "--illegal-native-access=deny", "--enable-native-access=ALL-UNNAMED"));
        assertThat(row(check(followed), "backend")).containsEntry("ok", true);
    }

    @Test
    @DisplayName("run warns of a finite RLIMIT_RTTIME, once: before SIGXCPU ends it, and also if it survives")
    void theTimeLimitIsToldBeforeItEndsTheRun() throws IOException, InterruptedException {
        Machine.needsRealtime();
        String cpu = Integer.toString(CpuTopology.system().allowed().last());
        Percpu dies = under(
                new String[] {"prlimit", "--rttime=50000:100000"},
                arguments("--works", "50", "--job", "spin:20ms", "--cpus", cpu));
        assertThat(dies.status()).isNotZero();
        assertThat(dies.out()).isEmpty();
        assertThat(dies.err()).containsOnlyOnce("percpu run: warning: ").containsOnlyOnce("CAP_SYS_RESOURCE");
        Percpu survives = under(
                new String[] {"prlimit", "--rttime=50000000:60000000"}, arguments("--works", "200", "--cpus", cpu));
        assertThat(survives.status()).isZero();
        assertThat(survives.err()).containsOnlyOnce("percpu run: warning: ");
        assertThat(survives.out()).contains("SCHED_RR 19").doesNotContain("RLIMIT_RTTIME");
    }

    private static String[] arguments(String... more) {
        List<String> arguments = new ArrayList<>(List.of("run", "--priority", "100", "--realtime", "require"));
        arguments.addAll(List.of(more));
        return arguments.toArray(new String[0]);
    }

    @Test
    @DisplayName("run under nice -n 5 with a real-time policy that is granted has nothing to note")
    void aNicerShellDoesNotContradict() throws IOException, InterruptedException {
        Machine.needsRealtime();
        Percpu run = under(new String[] {"nice", "-n", "5"}, "run", "--works", "200", "--realtime", "prefer");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).contains("SCHED_RR 1").doesNotContain("note:", "never");
    }

    @Test
    @DisplayName("run under chrt -f 10 has SCHED_OTHER workers and nothing to note")
    void aRealtimeShellDoesNotMakeRealtimeWorkers() throws IOException, InterruptedException {
        Machine.needsRealtime();
        Percpu run = under(new String[] {"chrt", "-f", "10"}, "run", "--works", "200");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).contains("SCHED_OTHER nice 0").doesNotContain("note:", "SCHED_FIFO");
    }
}
