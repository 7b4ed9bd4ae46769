// SPDX-License-Identifier: BSD-2-Clause
package org.percpu.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.percpu.bindings.spi.Backend;
import org.percpu.bindings.spi.LinuxCalls;
import org.percpu.bindings.spi.LinuxException;
import org.percpu.bindings.spi.NoBackendException;
import org.percpu.cpu.Cpu;
import org.percpu.cpu.CpuSet;
import org.percpu.cpu.CpuTopology;
import org.percpu.ipl.SplSupport;
import org.percpu.thread.Affinity;
import org.percpu.thread.CpuThread;
import org.percpu.thread.PinPolicy;
import org.percpu.thread.RealtimePolicy;
import org.percpu.thread.Sched;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code percpu check}: what this process can do here, found out by doing it. */
@Command(
        name = "check",
        description =
                "Tries what the library needs: pins a thread to each usable CPU and reads back where it is, asks for a"
                        + " real-time policy, and shows the limits that decide.",
        footer = {
            "",
            "Exit status: 0 pinning works on every usable CPU; 1 it does not, or --realtime was given and real-time is denied."
        })
final class CheckCommand implements Callable<Integer> {
    private static final int CAP_SYS_NICE = 23;
    private static final int PAGE = 4096;
    private static final String LIBRARY = "percpu.library.path";
    private static final String MODE = "percpu.spl";

    private final Streams streams;
    private final List<Finding> findings = new ArrayList<>();

    @Option(names = "--realtime", description = "Real-time must be possible as well.")
    private boolean realtimeRequired;

    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;

    CheckCommand(Streams streams) {
        this.streams = streams;
    }

    /** An answer; a no has a remedy, and so may a plain fact. */
    private record Finding(
            String name,
            @Nullable Boolean answer,
            String detail,
            @Nullable String remedy) {
        String word() {
            return answer == null ? "" : answer ? "yes" : "no";
        }
    }

    private boolean answer(String name, boolean yes, String detail, String remedy) {
        findings.add(new Finding(name, yes, detail, yes ? null : remedy));
        return yes;
    }

    private void fact(String name, String detail) {
        findings.add(new Finding(name, null, detail, null));
    }

    @Override
    public Integer call() {
        boolean works = backend();
        boolean pinning = works && pinning();
        boolean realtime = works && realtime();
        if (works) {
            nativeAccess();
            levels();
            limits(Backend.linux());
        }
        system();
        if (json) {
            print(pinning, realtime);
        } else {
            print();
        }
        return pinning && (realtime || !realtimeRequired) ? ExitStatus.OK : ExitStatus.FAILED;
    }

    private boolean backend() {
        try {
            Backend backend = Backend.get();
            StringBuilder detail = new StringBuilder(backend.calls().backend() + " (" + backend.reason() + ")");
            backend.passedOver()
                    .forEach((name, why) ->
                            detail.append("; not ").append(name).append(": ").append(why));
            return answer("backend", true, detail.toString(), "");
        } catch (NoBackendException e) {
            return answer(
                    "backend",
                    false,
                    String.valueOf(e.getMessage()),
                    e.remedies().isEmpty() ? otherBackend() : String.join("; or ", e.remedies()));
        } catch (UnsupportedOperationException e) {
            return answer("backend", false, String.valueOf(e.getMessage()), "run it on Linux on x86-64 or aarch64");
        }
    }

    private static String otherBackend() {
        return System.getProperty(Backend.PROPERTY) != null
                ? "leave -D" + Backend.PROPERTY + " out, or name ffm (Java 23 or newer) or jna"
                : "put percpu-bindings-ffm (Java 23 or newer) or percpu-bindings-jna on the class path";
    }

    private boolean pinning() {
        CpuTopology topology;
        try {
            topology = CpuTopology.system();
        } catch (LinuxException e) {
            return answer(
                    "pinning", false, String.valueOf(e.getMessage()), "let the process call sched_getaffinity(2)");
        }
        Finding failed = null;
        CpuSet pinned = CpuSet.empty();
        for (int id : topology.usable()) {
            Finding wrong = tryToPin(topology.cpu(id));
            if (wrong == null) {
                pinned = pinned.or(CpuSet.of(id));
            } else if (failed == null) {
                failed = wrong;
            }
        }
        if (failed != null) {
            String worked = pinned.isEmpty() ? "none" : "{" + pinned + "}";
            findings.add(new Finding("pinning", false, failed.detail() + "; it worked on " + worked, failed.remedy()));
            return false;
        }
        return answer(
                "pinning",
                true,
                (Simulation.active() ? "simulated: " : "") + "a thread was pinned to each of the usable CPUs {" + pinned
                        + "}",
                "");
    }

    /** What is wrong with a CPU, or null. */
    private static @Nullable Finding tryToPin(Cpu cpu) {
        AtomicInteger ranOn = new AtomicInteger(-1);
        try {
            CpuThread thread = CpuThread.builder("pincheck").cpu(cpu).start(() -> ranOn.set(Affinity.currentCpu()));
            thread.thread().join();
            if (thread.state().pinned() && ranOn.get() == cpu.id()) {
                return null;
            }
            return new Finding(
                    "pinning",
                    false,
                    "a thread pinned to " + cpu + " ran on CPU " + ranOn + ", and the kernel's mask for it is "
                            + thread.state().allowed(),
                    "use a kernel or sandbox that honours sched_setaffinity(2)");
        } catch (LinuxException e) {
            return new Finding(
                    "pinning",
                    false,
                    "on " + cpu + ": " + e.function() + ": " + e.text() + " (" + e.errnoName() + ")",
                    e.remedy() != null
                            ? e.remedy()
                            : "let the process call sched_setaffinity(2), and keep " + cpu
                                    + " online and in its cpuset");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Finding("pinning", false, "interrupted", "try again");
        }
    }

    private boolean realtime() {
        Sched sched = Sched.rr(1);
        // BEST_EFFORT: a pin that fails is another question.
        try {
            CpuThread.builder("rtcheck")
                    .sched(sched)
                    .pinPolicy(PinPolicy.BEST_EFFORT)
                    .realtimePolicy(RealtimePolicy.REQUIRE)
                    .start(() -> {})
                    .thread()
                    .join();
            return answer("real-time", true, "a thread got " + sched, "");
        } catch (LinuxException e) {
            String remedy = e.remedy();
            return answer(
                    "real-time",
                    false,
                    e.function() + " of " + sched + ": " + e.text() + " (" + e.errnoName() + ")",
                    remedy == null ? "let the process call pthread_setschedparam(3)" : remedy);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return answer("real-time", false, "interrupted", "try again");
        }
    }

    /** Module.isNativeAccessEnabled came with Java 22. */
    private void nativeAccess() {
        try {
            boolean enabled = (boolean) Module.class
                    .getMethod("isNativeAccessEnabled")
                    .invoke(Backend.linux().getClass().getModule());
            answer(
                    "native access",
                    enabled,
                    enabled ? "enabled for the backend" : "the JVM warns now and will refuse in a later release",
                    "start Java with --enable-native-access=ALL-UNNAMED (class path) or, on the module path,"
                            + " --enable-native-access=org.percpu.bindings.ffm (with JNA: com.sun.jna)");
        } catch (ReflectiveOperationException e) {
            fact("native access", "Java " + Runtime.version().feature() + " does not ask for it");
        }
    }

    private void levels() {
        SplSupport support;
        try {
            support = SplSupport.get();
        } catch (UnsupportedOperationException | IllegalArgumentException | LinuxException e) {
            answer(
                    "levels",
                    false,
                    String.valueOf(e.getMessage()),
                    "leave -D" + LIBRARY + " and -D" + MODE + " out, or give them other values");
            return;
        }
        String library = support.library();
        answer(
                "libpercpu",
                library != null,
                library != null
                        ? "loaded from " + library + ", " + support.reason()
                        : support.reason() + "; off: " + String.join(", ", support.off()),
                System.getProperty(LIBRARY) != null
                        ? "leave -D" + LIBRARY + " out"
                        : "name a libpercpu.so of this version with -D" + LIBRARY
                                + "=FILE, a folder from which files may be"
                                + " executed with -Djava.io.tmpdir=DIR, or build the jar where there is a C compiler");
        fact("level mode", support.mode() + ": " + why(support));
        fact(
                "free signals",
                support.freeSignals() + " for further interrupt lines"
                        + (support.skipped().isEmpty() ? "" : "; left alone: " + String.join(", ", support.skipped())));
    }

    private static String why(SplSupport support) {
        String asked = System.getProperty(MODE, "");
        if (!asked.isEmpty()) {
            return "-D" + MODE + "=" + asked + " asks for it";
        }
        return support.library() == null ? "there is no libpercpu" : "libpercpu is loaded";
    }

    private void limits(LinuxCalls linux) {
        CpuTopology topology = CpuTopology.system();
        fact("usable CPUs", topology.usable() + ": any of them can be named");
        fact("default CPUs", topology.allowed() + ": taken where none are named, by the mask at the start");
        fact("cgroup cpuset", topology.cpuset().map(Object::toString).orElse("none that can be read"));
        fact(
                "isolated CPUs",
                topology.isolated().isEmpty()
                        ? "none (isolcpus= on the kernel command line or an isolated cpuset partition makes some)"
                        : topology.isolated().toString());
        answer(
                "CAP_SYS_NICE",
                capability(CAP_SYS_NICE),
                "effective user id " + linux.geteuid(),
                "needed only if RLIMIT_RTPRIO or RLIMIT_NICE does not suffice: run as root, or AmbientCapabilities=CAP_SYS_NICE in"
                        + " the systemd unit");
        fact("RLIMIT_RTPRIO", rlimit(linux, LinuxCalls.RLIMIT_RTPRIO));
        realtimeTime(linux);
        fact("RLIMIT_NICE", rlimit(linux, LinuxCalls.RLIMIT_NICE));
        fact("RLIMIT_NPROC", rlimit(linux, LinuxCalls.RLIMIT_NPROC));
        fact("RLIMIT_SIGPENDING", rlimit(linux, LinuxCalls.RLIMIT_SIGPENDING));
    }

    /** A finite one ends the JVM without a word. */
    private void realtimeTime(LinuxCalls linux) {
        String detail = rlimit(linux, LinuxCalls.RLIMIT_RTTIME);
        long[] softAndHard = new long[2];
        boolean finite = linux.getrlimit(LinuxCalls.RLIMIT_RTTIME, softAndHard) >= 0
                && softAndHard[0] != LinuxCalls.RLIM_INFINITY;
        findings.add(new Finding(
                "RLIMIT_RTTIME",
                null,
                finite
                        ? detail
                                + " us: a real-time thread that runs for so long without sleeping gets SIGXCPU, which ends the"
                                + " JVM, and SIGKILL at the hard limit"
                        : detail + ": real-time threads may run for as long as they like",
                finite
                        ? "start it with prlimit --rttime=unlimited"
                                + (softAndHard[1] == LinuxCalls.RLIM_INFINITY
                                        ? ""
                                        : " (the hard limit is finite, and raising it needs CAP_SYS_RESOURCE, which root"
                                                + " has outside containers)")
                                + ", or LimitRTTIME=infinity in the systemd unit"
                        : null));
    }

    private void system() {
        String runtime = read("proc/sys/kernel/sched_rt_runtime_us");
        String period = read("proc/sys/kernel/sched_rt_period_us");
        fact(
                "real-time share",
                runtime == null
                        ? "unknown"
                        : runtime.equals("-1")
                                ? "all of the time"
                                : runtime + " of each " + period + " us (sched_rt_runtime_us)");
        fact("kernel", "Linux " + RunReport.kernelRelease());
        fact(
                "java",
                Runtime.version() + ", " + System.getProperty("java.vendor") + ", " + System.getProperty("java.home"));
    }

    private static String rlimit(LinuxCalls linux, int resource) {
        long[] softAndHard = new long[2];
        int result = linux.getrlimit(resource, softAndHard);
        if (result < 0) {
            return linux.strerror(-result);
        }
        return "soft " + limit(softAndHard[0]) + ", hard " + limit(softAndHard[1]);
    }

    private static String limit(long value) {
        return value == LinuxCalls.RLIM_INFINITY ? "unlimited" : Long.toUnsignedString(value);
    }

    private static boolean capability(int number) {
        String status = read("proc/self/status");
        if (status != null) {
            for (String line : status.split("\n", -1)) {
                if (line.startsWith("CapEff:")) {
                    return (Long.parseUnsignedLong(
                                                    line.substring("CapEff:".length())
                                                            .strip(),
                                                    16)
                                            >>> number
                                    & 1)
                            != 0;
                }
            }
        }
        return false;
    }

    /** In one read: a sysctl has no second part, so a reader that grows its buffer gets one digit. */
    private static @Nullable String read(String file) {
        byte[] content = new byte[PAGE];
        try (InputStream in = Files.newInputStream(Backend.root().resolve(file))) {
            int length = in.read(content);
            return new String(content, 0, Math.max(length, 0), StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            return null;
        }
    }

    private void print() {
        Table table = new Table("question", "answer", "detail");
        for (Finding finding : findings) {
            table.row(finding.name(), finding.word(), finding.detail());
            if (finding.remedy() != null) {
                table.row("", "", "remedy: " + finding.remedy());
            }
        }
        table.print(streams.out());
    }

    private void print(boolean pinning, boolean realtime) {
        List<Map<String, @Nullable Object>> checks = new ArrayList<>();
        for (Finding finding : findings) {
            checks.add(new Json()
                    .put("name", finding.name())
                    .put("ok", finding.answer())
                    .put("detail", finding.detail())
                    .put("remedy", finding.remedy())
                    .members());
        }
        new Json()
                .put("pinning", pinning)
                .put("realtime", realtime)
                .put("checks", checks)
                .print(streams.out());
    }
}
