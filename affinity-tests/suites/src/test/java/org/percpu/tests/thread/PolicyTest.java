// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.tests.thread;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.api.AbstractStringAssert;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.percpu.bindings.spi.Errno;
import org.percpu.cpu.CpuTopology;
import org.percpu.tests.support.Alone;
import org.percpu.tests.support.Fork;
import org.percpu.tests.support.Machine;
import org.percpu.tests.support.Rule;
import org.percpu.tests.support.Sandbox;

/** Policies that are inherited, refused, or only said to be set: threads have what was asked for, by the kernel's word, or say why not. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Alone
class PolicyTest {
    private static AbstractStringAssert<?> refused(Fork fork, String policy, int priority, int nice) {
        return assertThat(fork.argument(policy)
                .argument(Integer.toString(priority))
                .argument(Integer.toString(nice))
                .run());
    }

    private static Fork sandboxed(String... rules) {
        return Fork.of(RefusedPolicy.class).under(Sandbox.of(rules));
    }

    private static String rule(String call, Errno errno) {
        return call + "=" + errno.number();
    }

    @ParameterizedTest
    @CsvSource({"-f, 10, 1", "-r, 10, 2", "-b, 0, 3", "-i, 0, 5"})
    @Rule({"NWQ-5", "NKT-7"})
    @DisplayName("threads asked to be time-sharing are SCHED_OTHER in a process started under chrt -f, -r, -b and -i")
    void inherited(String option, String priority, int policy) {
        Machine.needsRoot("to leave SCHED_IDLE, and to become a real-time process");
        Machine.needsCommand("no such policy here", "chrt", option, priority, "true");
        assertThat(Fork.of(InheritedPolicy.class)
                        .under("chrt", option, priority)
                        .argument(Integer.toString(policy))
                        .run())
                .contains("time-sharing, all of them");
    }

    @Test
    @DisplayName(
            "SCHED_IDLE that an unprivileged process has inherited cannot be left; the state says so, and what helps")
    void idleCannotBeLeft() {
        Machine.needsRoot("to become a user without privileges");
        Machine.needsCommand("no other user can be had here", "setpriv", "--reuid=200000", "true");
        refused(
                        Fork.of(RefusedPolicy.class)
                                .under("prlimit", "--nice=0:0", "chrt", "-i", "0")
                                .unprivileged(),
                        "NEVER",
                        0,
                        0)
                .contains("has SCHED_IDLE nice 0", "denial SCHED_OTHER was refused (EPERM)")
                .contains("chrt -i", "RLIMIT_NICE of at least 20 (now 0)");
    }

    @Test
    @DisplayName("a sandbox that forbids to leave an inherited real-time policy is named in the state")
    void realtimeCannotBeLeft() {
        Machine.needsRealtime();
        Fork fork = Fork.of(RefusedPolicy.class)
                .under("chrt", "-f", "10")
                .under(Sandbox.of(rule("sched_setscheduler", Errno.EPERM)));
        refused(fork, "NEVER", 0, 0)
                .contains("has SCHED_FIFO 10", "denial SCHED_OTHER was refused (EPERM)")
                .contains("seccomp", "sched_setscheduler(2)");
    }

    @Test
    @Rule("NWQ-5")
    @DisplayName(
            "a sandbox that answers sched_setscheduler with success and does nothing: REQUIRE fails, PREFER says so")
    void pretendedRealtime() {
        Machine.needsRealtime();
        refused(sandboxed("sched_setscheduler=0", "sched_setattr=0"), "REQUIRE", 5, 0)
                .contains("failed pthread_setschedparam(self, SCHED_RR 5): it reported success, but the thread has"
                        + " SCHED_OTHER nice 0")
                .contains("seccomp", "sched_setscheduler(2)");
        refused(sandboxed("sched_setscheduler=0"), "PREFER", 5, 0)
                .contains("has SCHED_OTHER nice 0", "denial pthread_setschedparam", "it reported success");
    }

    @Test
    @DisplayName(
            "a sandbox that forbids sched_setscheduler is the reason given, where the limits would allow the priority")
    void forbiddenRealtime() {
        Machine.needsRealtime();
        Machine.needsCommand("RLIMIT_RTPRIO cannot be raised here", "prlimit", "--rtprio=10:10", "true");
        Fork permitted = Fork.of(RefusedPolicy.class)
                .under("prlimit", "--rtprio=10:10")
                .under(Sandbox.of(rule("sched_setscheduler", Errno.EPERM)));
        refused(permitted, "REQUIRE", 5, 0).contains("failed", "EPERM", "RLIMIT_RTPRIO allows it (10)", "seccomp");
    }

    @Test
    @DisplayName("a system without sched_setscheduler is a sandbox")
    void noSuchCall() {
        refused(sandboxed(rule("sched_setscheduler", Errno.ENOSYS)), "REQUIRE", 5, 0)
                .contains("failed", "ENOSYS", "sandbox", "sched_setscheduler(2)");
    }

    @Test
    @DisplayName(
            "nice values are read back: refused or only said to be set, the thread runs and says why it has another")
    void niceValues() {
        refused(sandboxed(rule("setpriority", Errno.EPERM)), "NEVER", 0, 7)
                .contains("has SCHED_OTHER nice 0", "denial nice 7 was refused (EPERM)", "setpriority(2)");
        refused(sandboxed(rule("setpriority", Errno.ENOSYS)), "NEVER", 0, 7)
                .contains("has SCHED_OTHER nice 0", "denial nice 7 was refused (ENOSYS)", "setpriority(2)");
        refused(sandboxed("setpriority=0"), "NEVER", 0, 7)
                .contains("has SCHED_OTHER nice 0", "SCHED_OTHER nice 7: it reported success", "setpriority(2)");
    }

    @Test
    @DisplayName("a kernel that does not tell the policy has not granted it")
    void unreadable() {
        Machine.needsRealtime();
        refused(sandboxed(rule("sched_getscheduler", Errno.EPERM)), "REQUIRE", 5, 0)
                .contains("failed", "does not tell what the thread has");
    }

    @Test
    @DisplayName(
            "a finite RLIMIT_RTTIME is told where a real-time policy is granted: in the state, and once in the log")
    void realtimeIsLimited() {
        Machine.needsRealtime();
        for (String policy : new String[] {"PREFER", "REQUIRE"}) {
            String output = Fork.of(RefusedPolicy.class)
                    .under("prlimit", "--rttime=500000:1000000")
                    .argument(policy)
                    .argument("5")
                    .argument("0")
                    .run();
            assertThat(output)
                    .contains("has SCHED_RR 5", "denial null")
                    .contains("warning RLIMIT_RTTIME is 500000 us, hard limit 1000000 us", "SIGXCPU", "LimitRTTIME")
                    .contains("WARNING: refused runs as SCHED_RR 5: RLIMIT_RTTIME");
        }
        refused(Fork.of(RefusedPolicy.class), "REQUIRE", 5, 0).contains("warning null");
    }

    @Test
    @Rule("G5")
    @DisplayName(
            "busy-spinning workers that have inherited a real-time policy for good never take the last CPU, whatever the queue")
    void spinningWorkersLeaveACpu() {
        Machine.needsRealtime();
        Machine.needsCpus(2);
        assertThat(Fork.of(SpinningRefused.class)
                        .under("timeout", "60", "chrt", "-f", "10")
                        .under(Sandbox.of(rule("sched_setscheduler", Errno.EPERM)))
                        .argument(CpuTopology.system().allowed().toString())
                        .run())
                .contains("the last CPU stays free");
    }

    @Test
    @Rule("G5")
    @DisplayName("busy-spinning workers that were refused the real-time policy they asked for may spin on every CPU")
    void spinningWorkersThatAreNotRealtimeMaySpinEverywhere() {
        Machine.needsRoot("to become a user without privileges");
        Machine.needsCommand("no other user can be had here", "setpriv", "--reuid=200000", "true");
        assertThat(Fork.of(SpinningDenied.class)
                        .under("timeout", "60", "prlimit", "--rtprio=0:0")
                        .unprivileged()
                        .run())
                .contains("all of them run");
    }

    @Test
    @Tag("once")
    @DisplayName("a recording has an event for a real-time policy that was denied, with the thread and the reason")
    void aDeniedPolicyIsAnEvent() {
        Machine.needsRoot("to become a user without privileges");
        Machine.needsCommand("no other user can be had here", "setpriv", "--reuid=200000", "true");
        String output = Fork.of(DeniedEvent.class)
                .under("prlimit", "--rtprio=0:0")
                .unprivileged()
                .run();
        assertThat(output).contains("runs all the same");
        String tid = output.lines()
                .filter(line -> line.startsWith("the thread is "))
                .map(line -> line.substring("the thread is ".length()))
                .findFirst()
                .orElseThrow();
        assertThat(output).contains("denied with tid " + tid + " asked for SCHED_RR 5: EPERM");
    }
}
