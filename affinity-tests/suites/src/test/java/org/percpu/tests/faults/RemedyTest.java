// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Sandbox;

/** A remedy that cannot help is worse than none: each situation is provoked, and what the message says is done literally. */
class RemedyTest {
    private static final Pattern UNZIP = Pattern.compile("unzip -j '[^']+' '[^']+'");

    private static Fork probe(String... arguments) {
        Fork fork = Fork.of(RemedyProbe.class);
        for (String argument : arguments) {
            fork.argument(argument);
        }
        return fork;
    }

    @Test
    @DisplayName("a sandbox that pretends to pin is named: other CPUs or a wider cpuset would not help")
    void pretendedPin() {
        CpuTopology here = CpuTopology.system();
        Machine.skipUnless(here.allowed().size() > 1, "a process with one CPU is pinned already");
        String cpu = Integer.toString(here.allowed().first());
        assertThat(probe("pin", cpu).under(Sandbox.of("sched_setaffinity=0")).run())
                .contains("it reported success", "let it pass sched_setaffinity(2)")
                .doesNotContain("name usable CPUs", "cpuset", "done");
        assertThat(probe("pin", cpu).run()).contains("done");
    }

    @Test
    @DisplayName(
            "a process that has CAP_SYS_NICE is told of the sandbox that denies real-time, and not to ask for more privileges")
    void realtimeDeniedByTheSandbox() {
        Machine.needsRoot("to have CAP_SYS_NICE");
        assertThat(probe("realtime").under(Sandbox.of("sched_setscheduler=1")).run())
                .contains("has CAP_SYS_NICE", "let it pass sched_setscheduler(2)")
                .doesNotContain("limits.conf", "LimitRTPRIO", "done");
        assertThat(probe("realtime").run()).contains("done");
    }

    @Test
    @DisplayName(
            "a user without privileges reads his name in the line for limits.conf; with CAP_SYS_NICE instead he gets real-time")
    void realtimeOfUsers() {
        Machine.needsRoot("to become another user");
        assertThat(probe("realtime")
                        .unprivileged()
                        .option("-Duser.name=somebody")
                        .run())
                .contains("\"somebody - rtprio 1\" in /etc/security/limits.conf", "or CAP_SYS_NICE")
                .doesNotContain("done");
        assertThat(probe("realtime")
                        .unprivileged()
                        .under("--inh-caps=+sys_nice", "--ambient-caps=+sys_nice")
                        .run())
                .contains("done");
    }

    @Test
    @DisplayName(
            "where no thread is to be had RLIMIT_NPROC is named, also by the first pinned thread; with a higher one it runs")
    void threads() {
        Machine.needsRoot("to become another user");
        assertThat(probe("threads").unprivileged().run())
                .contains("EAGAIN", "raise RLIMIT_NPROC (ulimit -u)", "granted", "done")
                .doesNotContain("nothing was refused");
    }

    @Test
    @DisplayName("where libpercpu cannot be loaded, the command that takes it out of its jar is printed and works")
    void library(@TempDir Path folder) throws IOException, InterruptedException {
        String said = probe("library")
                .under(Sandbox.of("memfd_create=38"))
                .option("-Djava.io.tmpdir=/proc/self")
                .run();
        assertThat(said).contains("library: null", "-Dpercpu.library.path=FOLDER");
        Matcher command = UNZIP.matcher(said);
        Machine.skipUnless(command.find(), "libpercpu is in a folder of classes, and not in a jar");
        Machine.needsCommand("no unzip here", "unzip", "-v");
        int status = new ProcessBuilder("sh", "-c", command.group())
                .directory(folder.toFile())
                .start()
                .waitFor();
        assertThat(status).as(command.group()).isZero();
        assertThat(folder.resolve("libpercpu.so")).exists();
        assertThat(probe("library")
                        .under(Sandbox.of("memfd_create=38"))
                        .option("-Djava.io.tmpdir=/proc/self")
                        .option("-Dpercpu.library.path=" + folder)
                        .run())
                .contains("library: " + folder, "done");
    }

    @Test
    @DisplayName("a named libpercpu that is not there is refused; without the property the jar's own is taken")
    void namedLibrary() {
        Machine.needsLinux("a library of C");
        assertThat(probe("library").option("-Dpercpu.library.path=/nowhere").run())
                .contains("refused: ", "not mounted noexec", "or leave -Dpercpu.library.path out");
        assertThat(probe("library").run()).contains("done").doesNotContain("library: null");
    }

    @Test
    @DisplayName(
            "a line that finds no signal free is told to trigger from this process or to close a line that has one; both work")
    void noSignalIsFree() {
        Machine.needsLinux("signals");
        assertThat(probe("signals").run())
                .contains(
                        "refused: ",
                        "no signal is free",
                        "close a line that has one",
                        "or trigger this line from this process",
                        "triggered: true, ran 1",
                        "granted: true",
                        "done");
    }

    @Test
    @DisplayName("with 4096 lines a further one is told to close those that are not used any more, which makes room")
    void noHandleIsLeft() {
        Machine.needsLinux("lines");
        assertThat(probe("handles").run())
                .contains("refused: ", "EAGAIN", "close those that are not used any more", "granted: true", "done");
    }

    @Test
    @DisplayName("a timer that the limit on signals forbids names the limit; with a higher one it triggers its line")
    void noTimerIsLeft() {
        Machine.needsLinux("timers");
        assertThat(probe("timer").run()).contains("refused: ", "raise RLIMIT_SIGPENDING (ulimit -i)", "ran 7", "done");
    }
}
